//go:build !unix

package main

import "errors"

// freeBytes is unknown on this system.
func freeBytes(string) (int64, error) { return 0, errors.New("not looked up on this system") }

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"sightline"
	"sightline/encoder/hub"
	"sightline/engine"
	"sightline/feature"
)

// setting is a value that stands for a flag that was not typed.
type setting struct {
	Value string `json:"value"`
	From  string `json:"from"` // "flag", "environment", "settings" or "default"
}

// settings are the values in force.
type settings struct {
	Archive  setting `json:"archive"`
	Backend  setting `json:"backend"`
	Encoder  setting `json:"encoder"`
	Features setting `json:"features"` // where features of data sets are kept

	TextEncoder setting `json:"text_encoder"` // where to find that of models which were trained with another than their frames'; may be ""
}

// settingsFile is what the file of settings may hold.
type settingsFile struct {
	Archive  string `yaml:"archive"`
	Backend  string `yaml:"backend"`
	Encoder  string `yaml:"encoder"`
	Features string `yaml:"features"`

	TextEncoder string `yaml:"text_encoder"`
}

// settingsPath returns where the file of settings is looked for.
func settingsPath() (string, error) {
	if path := os.Getenv("SIGHTLINE_CONFIG"); path != "" {
		return path, nil
	}
	home, err := xdg("XDG_CONFIG_HOME", ".config")
	return filepath.Join(home, "sightline", "config.yaml"), err
}

// xdg returns a base directory of the XDG specification: what the variable names if that is an absolute path, else the
// folder below the person's home.
func xdg(variable, below string) (string, error) {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &sightline.Error{Kind: sightline.NotReady, What: "find the home folder", Err: err, Try: "set " + variable}
	}
	return filepath.Join(home, below), nil
}

func readSettings() (settingsFile, error) {
	var file settingsFile
	path, err := settingsPath()
	if err != nil {
		return file, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("SIGHTLINE_CONFIG") == "" {
		return file, nil
	}
	if err == nil {
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		decoder.KnownFields(true)
		if err = decoder.Decode(&file); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		return file, &sightline.Error{
			Kind: sightline.Usage, What: "read settings " + path, Err: err,
			Try: "the file may set archive, backend, encoder, text_encoder and features; sightline config path says where it is",
		}
	}
	return file, nil
}

// settings returns the values in force: a flag before the environment, before the file, before the default. The encoder
// is the value of the verb's own flag.
func (a *app) settings(encoder, features string) (settings, error) {
	file, err := readSettings()
	if err != nil {
		return settings{}, err
	}
	data, err := xdg("XDG_DATA_HOME", filepath.Join(".local", "share"))
	if err != nil {
		return settings{}, err
	}
	cache, err := xdg("XDG_CACHE_HOME", ".cache")
	if err != nil {
		return settings{}, err
	}
	s := settings{
		Archive:  choose(a.archive, "SIGHTLINE_ARCHIVE", file.Archive, filepath.Join(data, "sightline", "archive")),
		Backend:  choose(a.backend, "SIGHTLINE_BACKEND", file.Backend, engine.Default),
		Encoder:  choose(encoder, "SIGHTLINE_ENCODER", file.Encoder, hub.Models[0].Name),
		Features: choose(features, "SIGHTLINE_FEATURES", file.Features, filepath.Join(cache, "sightline", "features")),

		TextEncoder: choose(a.textEncoder, "SIGHTLINE_TEXT_ENCODER", file.TextEncoder, ""),
	}
	return s, nil
}

func choose(flag, variable, file, otherwise string) setting {
	for _, candidate := range []setting{
		{flag, "flag"}, {os.Getenv(variable), "environment"}, {file, "settings"},
	} {
		if candidate.Value != "" {
			return candidate
		}
	}
	return setting{otherwise, "default"}
}

// asked tells whether a person chose the value, rather than the program.
func (s setting) asked() bool { return s.From != "default" }

// store returns the store of features that data sets share.
func (s settings) store() feature.Store { return feature.Store{Dir: s.Features.Value} }

// engine opens the backend in force.
func (s settings) engine() (*engine.Engine, error) {
	e, err := engine.Open(s.Backend.Value)
	if err != nil && s.Backend.asked() && s.Backend.From != "flag" {
		return nil, fmt.Errorf("backend from the %s: %w", s.Backend.From, err)
	}
	return e, err
}

package terminal

import (
	"fmt"
	"strconv"
	"time"
)

// Bytes says a number of bytes with three digits or fewer: 640 B, 1.5 MB, 23 GB. Units are powers of 1000.
func Bytes(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), -1
	for value >= 999.5 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f %cB", value, units[unit])
	}
	return fmt.Sprintf("%.0f %cB", value, units[unit])
}

// Duration says a stretch of time in its two largest units: 0.4 s, 12 s, 3 min 20 s, 5 h 12 min, 3 d 4 h.
func Duration(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute-500*time.Millisecond:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour-500*time.Millisecond:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	d = d.Round(time.Hour)
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// Count says how many there are of something: 1 video, 2 videos, 12,400 videos.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Thousands(n) + " " + many
}

// Thousands writes a number with commas: 12,400.
func Thousands(n int) string {
	digits := strconv.Itoa(n)
	from := 0
	if n < 0 {
		from = 1
	}
	for at := len(digits) - 3; at > from; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// figures are the results of repetitions.
type figures []float64

// quantile is the nearest-rank one; zero of none.
func (f figures) quantile(q float64) float64 {
	if len(f) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(f))
	return sorted[min(len(sorted)-1, max(0, int(math.Ceil(q*float64(len(sorted))))-1))]
}

// median is the mean of the middle two where there is no middle one.
func (f figures) median() float64 {
	if len(f) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(f))
	k := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[k]
	}
	return (sorted[k-1] + sorted[k]) / 2
}

// spread prints the median and how far the others lie.
func (f figures) spread(print func(float64) string) string {
	if len(f) < 2 {
		return print(f.median())
	}
	return fmt.Sprintf("%s (%s–%s)", print(f.median()), print(slices.Min(f)), print(slices.Max(f)))
}

// count prints a number without a fraction, its thousands apart.
func count(n float64) string {
	if n < 0 {
		return "-" + count(-n)
	}
	s := strconv.FormatInt(int64(math.Round(n)), 10)
	var groups []string
	for len(s) > 3 {
		groups = append([]string{s[len(s)-3:]}, groups...)
		s = s[:len(s)-3]
	}
	return strings.Join(append([]string{s}, groups...), ",")
}

// short prints about three digits.
func short(n float64) string {
	switch a := math.Abs(n); {
	case a >= 100:
		return count(n)
	case a >= 10:
		return strconv.FormatFloat(n, 'f', 1, 64)
	default:
		return strconv.FormatFloat(n, 'f', 2, 64)
	}
}

func percent(n float64) string { return strconv.FormatFloat(100*n, 'f', 0, 64) + " %" }

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

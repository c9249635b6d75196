package simulate

import (
	"fmt"
	"html"
	"io"
	"math"
	"strconv"
	"strings"
)

// The picture's measures, in pixels.
const (
	chartWidth  = 960
	chartLeft   = 70
	chartRight  = 20
	plotWidth   = chartWidth - chartLeft - chartRight
	plotHeight  = 200
	plotGap     = 50
	chartTop    = 76
	chartHeight = chartTop + 2*plotHeight + plotGap + 50
)

// palette has colours that people with any eyesight tell apart (Okabe and Ito's).
var palette = [...]string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"} //nolint:gochecknoglobals // a constant

// Chart draws the course of results as SVG: vCPUs in use below those that are
// there, and the jobs that wait. Names are beside the lines.
func Chart(out io.Writer, title string, results []*Result) error {
	c := chart{}
	seconds, cpus, queued := 0.0, 0.0, 0.0
	for _, r := range results {
		for _, p := range r.Course {
			seconds, cpus, queued = max(seconds, p.Seconds), max(cpus, p.Used, p.Capacity), max(queued, p.Queued)
		}
	}
	c.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, chartWidth, chartHeight)
	c.printf(`<rect width="%d" height="%d" fill="#fff"/>`, chartWidth, chartHeight)
	c.printf(`<text x="%d" y="22" font-size="15">%s</text>`, chartLeft, html.EscapeString(title))
	x := axis(seconds/secondsUnit(seconds), plotWidth)
	x.unit = secondsUnit(seconds)
	x.top = max(1, seconds) / x.unit // lines go from edge to edge
	upper, lower := plot{&c, chartTop, x, axis(cpus, plotHeight)}, plot{&c, chartTop + plotHeight + plotGap, x, axis(queued, plotHeight)}
	upper.frame("vCPUs")
	lower.frame("jobs that wait")
	for i, r := range results {
		colour := palette[i%len(palette)]
		if len(results) == 1 {
			upper.area(r.Course, colour, func(p Point) float64 { return p.Used })
		}
		upper.line(r.Course, "#555", ` stroke-dasharray="4 3"`, func(p Point) float64 { return p.Capacity })
		upper.line(r.Course, colour, "", func(p Point) float64 { return p.Used })
		lower.line(r.Course, colour, "", func(p Point) float64 { return p.Queued })
		c.legend(i, colour, "", r.Policy)
	}
	c.legend(len(results), "#555", ` stroke-dasharray="4 3"`, "capacity")
	c.printf(`<text x="%d" y="%d" text-anchor="middle">%s</text>`, chartLeft+plotWidth/2, chartHeight-12, secondsName(seconds))
	c.printf(`</svg>`)
	_, err := io.WriteString(out, c.String())
	return err
}

type chart struct{ strings.Builder }

func (c *chart) printf(format string, args ...any) {
	fmt.Fprintf(c, format, args...)
	c.WriteByte('\n')
}

func (c *chart) legend(i int, colour, dash, name string) {
	x := chartLeft + i*140
	c.printf(`<line x1="%d" y1="40" x2="%d" y2="40" stroke="%s" stroke-width="2"%s/>`, x, x+24, colour, dash)
	c.printf(`<text x="%d" y="44">%s</text>`, x+30, html.EscapeString(name))
}

// scale is an axis: from zero to top, with ticks.
type scale struct {
	top, step float64
	unit      float64 // of the values beside those of the ticks
	pixels    float64
}

// axis is the scale with at most eight round steps on which a value fits.
func axis(top float64, pixels int) scale {
	if top <= 0 {
		top = 1
	}
	step := math.Pow(10, math.Floor(math.Log10(top/8)))
	for _, by := range []float64{1, 2, 2.5, 2} { // 1, 2, 5, 10
		if step *= by; top/step <= 8 {
			break
		}
	}
	return scale{top: math.Ceil(top/step-1e-9) * step, step: step, unit: 1, pixels: float64(pixels)}
}

func (s scale) at(value float64) float64 { return value / s.unit / s.top * s.pixels }

// secondsUnit is what a time axis so long counts.
func secondsUnit(seconds float64) float64 {
	switch {
	case seconds > 4*86400:
		return 86400
	case seconds > 4*3600:
		return 3600
	case seconds > 4*60:
		return 60
	}
	return 1
}

func secondsName(seconds float64) string {
	return map[float64]string{86400: "days", 3600: "hours", 60: "minutes", 1: "seconds"}[secondsUnit(seconds)]
}

type plot struct {
	c    *chart
	top  int
	x, y scale
}

func (p plot) frame(title string) {
	bottom := p.top + plotHeight
	p.c.printf(`<text x="%d" y="%d" fill="#555">%s</text>`, chartLeft, p.top-6, title)
	for n := 0; float64(n)*p.y.step <= p.y.top*(1+1e-9); n++ {
		value := float64(n) * p.y.step
		y := float64(bottom) - p.y.at(value)
		p.c.printf(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#e5e5e5"/>`, chartLeft, y, chartLeft+plotWidth, y)
		p.c.printf(`<text x="%d" y="%.1f" text-anchor="end">%s</text>`, chartLeft-6, y+4, strconv.FormatFloat(value, 'g', 6, 64))
	}
	for n := 0; float64(n)*p.x.step <= p.x.top*(1+1e-9); n++ {
		x := chartLeft + float64(n)*p.x.step/p.x.top*p.x.pixels
		p.c.printf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#555"/>`, x, bottom, x, bottom+4)
		p.c.printf(`<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, x, bottom+17, strconv.FormatFloat(float64(n)*p.x.step, 'g', 6, 64))
	}
	p.c.printf(`<path d="M%d %dV%dH%d" fill="none" stroke="#555"/>`, chartLeft, p.top, bottom, chartLeft+plotWidth)
}

func (p plot) points(course []Point, value func(Point) float64) string {
	var b strings.Builder
	for _, point := range course {
		fmt.Fprintf(&b, "%.1f,%.1f ", chartLeft+p.x.at(point.Seconds), float64(p.top+plotHeight)-p.y.at(value(point)))
	}
	return strings.TrimSpace(b.String())
}

func (p plot) line(course []Point, colour, dash string, value func(Point) float64) {
	p.c.printf(`<polyline fill="none" stroke="%s" stroke-width="1.3"%s points="%s"/>`, colour, dash, p.points(course, value))
}

func (p plot) area(course []Point, colour string, value func(Point) float64) {
	if len(course) == 0 {
		return
	}
	bottom := p.top + plotHeight
	p.c.printf(`<polygon fill="%s" fill-opacity="0.25" points="%.1f,%d %s %.1f,%d"/>`, colour,
		chartLeft+p.x.at(course[0].Seconds), bottom, p.points(course, value), chartLeft+p.x.at(course[len(course)-1].Seconds), bottom)
}

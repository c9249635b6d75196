package main

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// table is what a measurement has found.
type table struct {
	head  []string
	rows  [][]string
	notes []string // paragraphs below it
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// markdown prints the table in columns: the first one flush left, figures flush
// right.
func (t *table) markdown() string {
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell), 4)
		}
	}
	var b strings.Builder
	line := func(row []string) {
		for i := range t.head {
			cell := ""
			if i < len(row) {
				cell = row[i]
			}
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				fmt.Fprintf(&b, "| %s%s ", cell, pad)
			} else {
				fmt.Fprintf(&b, "| %s%s ", pad, cell)
			}
		}
		b.WriteString("|\n")
	}
	line(t.head)
	for i := range t.head {
		if i == 0 {
			fmt.Fprintf(&b, "| %s ", strings.Repeat("-", width[i]))
		} else {
			fmt.Fprintf(&b, "| %s: ", strings.Repeat("-", width[i]-1))
		}
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		line(row)
	}
	for _, n := range t.notes {
		b.WriteString("\n" + n + "\n")
	}
	return b.String()
}

// update puts the text between the marks of that name in the document.
func update(path, name, text string) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := "<!-- bench:"+name+" -->\n", "<!-- /bench:"+name+" -->"
	head, rest, ok := strings.Cut(string(doc), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no marks %q", path, strings.TrimSpace(begin))
	}
	return os.WriteFile(path, []byte(head+begin+"\n"+text+"\n"+end+tail), 0o644)
}

package main

import (
	"bytes"
	"encoding/json"
	"io"
)

// encodeJSON writes a value as JSON on one line, without a line end and without the escapes of HTML.
func encodeJSON(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// printObject prints one JSON value: on one line, or indented.
func (c *cli) printObject(f format, value any) error {
	text, err := encodeJSON(value)
	if err != nil {
		return err
	}
	if f == formatJSON {
		var b bytes.Buffer
		if err := json.Indent(&b, text, "", "  "); err != nil {
			return err
		}
		text = b.Bytes()
	}
	_, err = c.stdout.Write(append(text, '\n'))
	return err
}

// jsonArray makes one JSON array of lines: each Write is an element.
type jsonArray struct {
	w io.Writer
	n int
}

func (a *jsonArray) Write(line []byte) (int, error) {
	before := ",\n  "
	if a.n == 0 {
		before = "[\n  "
	}
	a.n++
	text := append([]byte(before), bytes.TrimSuffix(line, []byte("\n"))...)
	if _, err := a.w.Write(text); err != nil {
		return 0, err
	}
	return len(line), nil
}

// end closes the array.
func (a *jsonArray) end() error {
	text := "\n]\n"
	if a.n == 0 {
		text = "[]\n"
	}
	_, err := io.WriteString(a.w, text)
	return err
}

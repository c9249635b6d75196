package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/bargehq/barge/internal/catalog"
)

// catalog is the instance types: EC2's, with what the file of --instance-types
// changes and adds.
func (s *settings) catalog() (*catalog.Catalog, error) {
	c := catalog.Builtin()
	if s.InstanceTypes == "" {
		return c, nil
	}
	f, err := os.Open(s.InstanceTypes)
	if err != nil {
		return nil, fmt.Errorf("--instance-types: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, catalog.MaxFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("--instance-types: %w", err)
	}
	kind := filepath.Ext(s.InstanceTypes)
	switch kind {
	case ".json", ".csv":
	case ".yaml", ".yml":
		if len(text) <= catalog.MaxFile {
			text, err = jsonOf(text)
		}
	default:
		err = errors.New("the name must end with .json, .yaml, .yml or .csv")
	}
	if err == nil {
		c, err = c.With(text, kind == ".csv")
	}
	if err != nil {
		return nil, fmt.Errorf("--instance-types %s: %w", s.InstanceTypes, err)
	}
	return c, nil
}

// jsonOf turns YAML into JSON.
func jsonOf(text []byte) ([]byte, error) {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

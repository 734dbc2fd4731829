package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

const settingsFileName = "freshline.toml"

// findSettingsFile reads the nearest freshline.toml in a directory or above it: by name of the setting. Without
// such a file it is empty.
func findSettingsFile(dir string) (map[string]chosen, error) {
	for {
		path := filepath.Join(dir, settingsFileName)
		data, err := os.ReadFile(path)
		if err == nil {
			return readSettingsFile(path, data)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, &usageError{text: fmt.Sprintf("cannot read the settings: %s", err)}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil, nil
		}
		dir = parent
	}
}

func readSettingsFile(path string, data []byte) (map[string]chosen, error) {
	var keys map[string]any
	if err := toml.Unmarshal(data, &keys); err != nil {
		var wrong *toml.DecodeError
		if errors.As(err, &wrong) {
			line, column := wrong.Position()
			return nil, &usageError{text: fmt.Sprintf("%s:%d:%d: is not TOML: %s", path, line, column, strings.TrimPrefix(wrong.Error(), "toml: "))}
		}
		return nil, &usageError{text: fmt.Sprintf("%s: is not TOML: %s", path, err)}
	}
	var known []string
	for _, s := range settingTable {
		known = append(known, s.name)
	}
	values := map[string]chosen{}
	written := map[string]string{} // how the key of a setting was spelt
	var names []string
	for key := range keys {
		names = append(names, key)
	}
	slices.Sort(names)
	for _, key := range names {
		name := strings.ReplaceAll(key, "-", "_")
		if !slices.Contains(known, name) {
			return nil, &usageError{
				text: fmt.Sprintf("%s: unknown key %q%s", path, key, didYouMean(name, known)),
				hint: "known keys are " + strings.Join(known, ", "),
			}
		}
		if other, ok := written[name]; ok {
			return nil, &usageError{text: fmt.Sprintf("%s: %s and %s are the same setting; leave one of the two out", path, other, key)}
		}
		written[name] = key
		text, err := settingText(keys[key])
		if err != nil {
			return nil, &usageError{text: fmt.Sprintf("%s: %s: %s", path, key, err)}
		}
		s := settingNamed(name)
		if s.path && text != "" && text != "-" && !filepath.IsAbs(text) {
			text = filepath.Join(filepath.Dir(path), text)
		}
		v := chosen{text: text, origin: path + ": " + key}
		if err := v.check(s); err != nil {
			return nil, err
		}
		values[name] = v
	}
	return values, nil
}

// settingText is a value of TOML as a flag would have it. A list is the same as its entries with commas.
func settingText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case int64, bool:
		return fmt.Sprint(v), nil
	case []any:
		var texts []string
		for _, entry := range v {
			text, ok := entry.(string)
			if !ok {
				return "", errors.New("the list has an entry that is no text; write it in quotes")
			}
			texts = append(texts, text)
		}
		return strings.Join(texts, ","), nil
	case map[string]any:
		return "", errors.New("is a table; write the setting at the top of the file, as text")
	}
	return "", errors.New("is neither text nor a whole number; write it in quotes")
}

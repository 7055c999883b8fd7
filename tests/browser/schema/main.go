// Reads dashboards by Grafana's own schema and says what is wrong with them: a field that Grafana
// does not know, a value of the wrong kind, a required field that is missing. The options of each
// kind of panel and the queries are read by their own schemas. A choice that does not exist is not
// found.
//
// usage: schema DASHBOARD.json ...
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The fields by which a file asks for its data source at its import: they are no part of the schema.
var ofImports = []string{"__inputs", "__requires", "__elements"}

func main() {
	plugins.RegisterDefaultPlugins()
	wrong := false
	for _, path := range os.Args[1:] {
		if fault := check(path); fault != "" {
			wrong = true
			fmt.Printf("%s: %s\n", path, fault)
		}
	}
	if wrong || len(os.Args) < 2 {
		os.Exit(1)
	}
}

// What is wrong with a file; empty if nothing is.
func check(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return err.Error()
	}
	for _, field := range ofImports {
		delete(fields, field)
	}
	text, err = json.Marshal(fields)
	if err != nil {
		return err.Error()
	}
	var read dashboard.Dashboard
	// The reader returns an empty list of errors where it finds none.
	if err := read.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		return err.Error()
	}
	if err := read.Validate(); err != nil && err.Error() != "" {
		return err.Error()
	}
	return ""
}

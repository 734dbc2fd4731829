package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream"
)

// registry is the schema registry that was named, else nil.
func (c *cli) registry() (*schema.Registry, error) {
	urls := c.text("schema_registry")
	if urls == "" {
		return nil, nil
	}
	client, err := sr.NewClient(sr.URLs(strings.Split(urls, ",")...), sr.UserAgent("freshline"))
	if err != nil {
		return nil, fmt.Errorf("set up a client of the schema registry: %w", err)
	}
	return schema.NewRegistry(client, schema.RegistryOptions{}), nil
}

// eventSchemas finds the schemas of events: nil, or the registry.
func (c *cli) eventSchemas() (schema.Schemas, error) {
	registry, err := c.registry()
	if err != nil || registry == nil {
		return nil, err
	}
	return registry, nil
}

// sampleSchemas finds the schemas of samples, in the schema topic and in the registry, until close is called.
func (c *cli) sampleSchemas(ctx context.Context, cluster stream.Cluster) (schemas schema.Schemas, close func(), err error) {
	registry, err := c.registry()
	if err != nil {
		return nil, nil, err
	}
	tail := stream.NewSchemaTail(cluster, c.namespace())
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	following.Go(func() { _ = tail.Run(ctx) }) // who asks it hears of the error
	chain := schema.Chain{tail}
	if registry != nil {
		chain = append(chain, registry)
	}
	return chain, func() { cancel(); following.Wait() }, nil
}

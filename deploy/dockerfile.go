// Package deploy holds what Freshline is shipped with: the image, and examples of how to run it.
package deploy

import _ "embed" // Dockerfile

// Dockerfile is the recipe of the image. Its stage prebuilt takes a context of the binary freshline and an empty
// folder state, and needs no other image.
//
//go:embed Dockerfile
var Dockerfile []byte

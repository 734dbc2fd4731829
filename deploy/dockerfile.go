// Package deploy holds what Freshline is shipped with: the image, and examples of how to run it.
package deploy

import _ "embed" // Dockerfile.prebuilt

// PrebuiltDockerfile is the recipe of the image around a compiled binary. Its context is the static binary
// freshline and an empty folder state; it needs no other image.
//
//go:embed Dockerfile.prebuilt
var PrebuiltDockerfile []byte

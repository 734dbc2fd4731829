package integration

import (
	"fmt"
	"os"
)

// Announce prints [Broker.String] to the standard error of this test binary. go test drops that where it is
// given a list of packages and this one passes; so, on Linux and from a test binary only, the line also goes to
// the standard error of go test itself, where nothing else would print it.
func (b *Broker) Announce() {
	line := fmt.Sprintf("freshline: %s\n", b)
	fmt.Fprint(os.Stderr, line)
	tellGoTest(line)
}

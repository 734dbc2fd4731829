package stream

import (
	"bytes"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// addressMark begins what a member adds to its metadata: behind it, to the end, is the address at which the
// member answers questions.
const addressMark = "\x00freshline-api:"

// addressBalancer is a balancer that tells the group, with what a member joins with, where the member answers
// questions, so that everybody who may describe the group finds it and what it owns. The address follows the user
// data of the balancer, which nobody reads that far.
//
// Strategy not taken: to put it into the client id, which brokers hold quotas and logs against.
type addressBalancer struct {
	kgo.GroupBalancer
	address string
}

// JoinGroupMetadata is the balancer's, with the address behind its user data.
func (b addressBalancer) JoinGroupMetadata(topics []string, owned map[string][]int32, generation int32) []byte {
	metadata := b.GroupBalancer.JoinGroupMetadata(topics, owned, generation)
	if b.address == "" {
		return metadata
	}
	var meta kmsg.ConsumerMemberMetadata
	if err := meta.ReadFrom(metadata); err != nil {
		return metadata
	}
	meta.UserData = append(append(meta.UserData, addressMark...), b.address...)
	return meta.AppendTo(nil)
}

// addressIn reads the address out of the user data of a member, "" if there is none.
func addressIn(userData []byte) string {
	at := bytes.LastIndex(userData, []byte(addressMark))
	if at < 0 || len(userData)-at > 1<<10 {
		return ""
	}
	return string(userData[at+len(addressMark):])
}

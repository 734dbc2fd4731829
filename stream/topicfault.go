package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/freshline/freshline/graph"
)

// TopicFault is a topic that a deployment cannot work with.
type TopicFault struct {
	Topic    string
	Missing  bool   // it is not there
	Is       string // what it is
	ShouldBe string
	Do       string // what to do about it
}

// Error names the topic, what it is, what it should be and what to do.
func (f *TopicFault) Error() string {
	return fmt.Sprintf("topic %s is %s and should be %s: %s", f.Topic, f.Is, f.ShouldBe, f.Do)
}

// Check says whether the topics of a deployment will do: all there, compacted where records must
// not be lost, staleness and failures with as many partitions as rows. The error joins a
// *TopicFault for each that will not.
func (t *Topics) Check(ctx context.Context, ns Namespace, g *graph.Graph) error {
	infos, err := t.List(ctx, ns, g)
	if err != nil {
		return err
	}
	var faults []error
	for _, info := range infos {
		if fault := info.fault(infos[0]); fault != nil {
			faults = append(faults, fault)
		}
	}
	return errors.Join(faults...)
}

// fault says why a topic will not do, or nil.
func (i TopicInfo) fault(rows TopicInfo) *TopicFault {
	switch {
	case !i.Exists:
		return &TopicFault{
			Topic: i.Name, Missing: true, Is: "missing", ShouldBe: "the " + i.purpose(),
			Do: "create it with `freshline topics create`",
		}
	case i.Kind.compacted() && !i.Compacted:
		return &TopicFault{
			Topic: i.Name, Is: fmt.Sprintf("cleaned with cleanup.policy=%s", i.cleanup), ShouldBe: "compacted (cleanup.policy=compact)",
			Do: "records that are deleted by age or size would look like samples that never were; set it with " +
				"`kafka-configs.sh --alter --entity-type topics --entity-name " + i.Name + " --add-config cleanup.policy=compact`",
		}
	case i.Kind.likeRows() && rows.Exists && i.Partitions != rows.Partitions:
		return &TopicFault{
			Topic: i.Name, Is: fmt.Sprintf("of %d partitions", i.Partitions),
			ShouldBe: fmt.Sprintf("of %d, as %s is", rows.Partitions, rows.Name),
			Do:       "delete it and create it again with `freshline topics create` while no processor runs",
		}
	case (i.Kind == TopicGraph || i.Kind == TopicRequests || i.Kind == TopicSchemas) && i.Partitions != 1:
		return &TopicFault{
			Topic: i.Name, Is: fmt.Sprintf("of %d partitions", i.Partitions), ShouldBe: "of one: its offsets are the order of its records",
			Do: "create it anew with one partition and write its records again",
		}
	}
	return nil
}

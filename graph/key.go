package graph

// FeatureKey names a feature: parts joined by '/', such as "video/raw".
// Feature keys sort part by part (Compare), not as text.
type FeatureKey string

// FieldKey names a field of a feature: parts joined by '/'.
// Field keys sort as text.
type FieldKey string

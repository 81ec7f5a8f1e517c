package steps

const (
	uriSuffix  = "_uri"
	urisSuffix = "_uris"
)

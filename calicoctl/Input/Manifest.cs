using Calico.Datastore.Resources;

namespace Calico.Cli.Input;

/// <summary>A resource that a user wrote.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Resource">As read, with defaults.</param>
/// <param name="Place">Where it stands.</param>
internal sealed record Manifest(ResourceKind Kind, Resource Resource, ManifestPlace Place);

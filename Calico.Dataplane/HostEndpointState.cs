namespace Calico.Dataplane;

/// <summary>A host endpoint of this node.</summary>
/// <param name="Name">Of the resource.</param>
/// <param name="IsUp">Whether all interfaces that it has are up; null: it has none that is there.</param>
public sealed record HostEndpointState(string Name, bool? IsUp);

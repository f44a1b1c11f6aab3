namespace Calico.Dataplane.Ports;

/// <summary>Tracked connections of published ports whose mapping changes while their endpoint lives. One that goes takes its own
/// along.</summary>
internal interface IPortConnections : IDisposable
{
    /// <summary>Deletes what goes on by a mapping that has ended, and of a datagram protocol what began before a mapping did: it would go
    /// on to
    /// nobody for as long as its sender does not pause. Returns at once.</summary>
    void Cut(IReadOnlyCollection<PortMapping> ended, IReadOnlyCollection<PortMapping> begun);
}

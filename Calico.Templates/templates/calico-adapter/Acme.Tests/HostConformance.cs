using Calico.TestKit.Workloads;

namespace Acme.Tests;

/// <summary>What the contracts promise, asked of the host in memory that the other tests stand on. Derive from <c>AdapterConformance</c>
/// with a node of your own to ask it of another.</summary>
public sealed class HostConformance : AdapterConformance
{
    protected override Task<ConformanceNode> StartNodeAsync() => Task.FromResult<ConformanceNode>(new FakeConformanceNode("acme"));
}

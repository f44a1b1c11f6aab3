using Calico.TestKit.Workloads;
using NUnit.Framework;

namespace Calico.UnitTests.Host;

/// <summary>The host keeps the contracts that adapters are written against: CNI-shaped and Docker-shaped clients, crashes, a dead store.
/// </summary>
[TestFixture("cni")]
[TestFixture("mesos")]
public sealed class HostConformanceTests(string adapter) : AdapterConformance
{
    protected override async Task<ConformanceNode> StartNodeAsync() => await HostUnderTest.StartAsync(adapter);
}

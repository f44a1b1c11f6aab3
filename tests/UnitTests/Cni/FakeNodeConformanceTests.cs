using Calico.TestKit.Workloads;
using NUnit.Framework;

namespace Calico.UnitTests.Cni;

/// <summary>The fakes keep the contracts too, or what is tested with them proves little.</summary>
[TestFixture("cni")]
[TestFixture("mesos")]
public sealed class FakeNodeConformanceTests(string adapter) : AdapterConformance
{
    protected override Task<ConformanceNode> StartNodeAsync() => Task.FromResult<ConformanceNode>(new FakeConformanceNode(adapter));
}

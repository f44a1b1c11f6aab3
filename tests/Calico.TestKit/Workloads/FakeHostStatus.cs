using System.Collections.Immutable;

namespace Calico.TestKit.Workloads;

/// <summary>Says what a test sets.</summary>
public sealed class FakeHostStatus : IHostStatus
{
    public (bool Ready, ImmutableArray<string> Reasons) CanConnect { get; set; } = (true, []);

    public (long Revision, TimeSpan Age) Enforcing { get; set; } = (1, TimeSpan.Zero);

    public string NodeName { get; set; } = "node-1";
}

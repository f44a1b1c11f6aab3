using Calico;

[assembly: CalicoContract(1, 0)]

namespace ThrowingPlugin;

/// <summary>An adapter that is broken: for the test that the host names it and goes on.</summary>
public sealed class ThrowingAdapter : IOrchestratorPlugin
{
    public string Name => "throws";

    public void Configure(IPluginBuilder builder) => throw new InvalidOperationException("broken on purpose");
}

using Calico;

[assembly: CalicoContract(1, 99)]

namespace NewerPlugin;

/// <summary>An adapter of the future: for the test that it is refused before any of its code runs.</summary>
public sealed class NewerAdapter : IOrchestratorPlugin
{
    public string Name => throw new NotSupportedException("the host must not get here");

    public void Configure(IPluginBuilder builder)
    {
    }
}

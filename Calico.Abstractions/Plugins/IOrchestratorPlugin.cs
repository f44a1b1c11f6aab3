namespace Calico;

/// <summary>An orchestrator adapter. The host makes one instance of the only public class of the assembly that implements this.</summary>
public interface IOrchestratorPlugin
{
    /// <summary>Short lower-case name (<c>cni</c>, <c>docker</c>): prefix of its settings, its meter and its state.</summary>
    string Name { get; }

    /// <summary>Registers services, settings and listeners. No I/O: it runs before the host has reached the kernel or the store.</summary>
    /// <param name="builder">Valid during the call only.</param>
    void Configure(IPluginBuilder builder);
}

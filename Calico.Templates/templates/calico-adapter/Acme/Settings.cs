namespace Acme;

/// <summary>Settings of this adapter: <c>CALICO_ACME_&lt;NAME&gt;</c>, or <c>plugins.acme</c> in the configuration file.</summary>
public sealed class Settings
{
    /// <summary>The socket that the orchestrator calls.</summary>
    public string Socket { get; set; } = "/run/calico/acme.sock";

    /// <summary>Workloads that name no network are in this one; a network's members may talk to each other.</summary>
    public string Network { get; set; } = "acme";
}

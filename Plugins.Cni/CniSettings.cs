namespace Calico.Plugins.Cni;

/// <summary>Settings of this adapter: <c>CALICO_CNI_&lt;NAME&gt;</c>.</summary>
public sealed class CniSettings
{
    /// <summary>The socket that the plugin binaries call.</summary>
    public string Socket { get; set; } = "/run/calico/cni.sock";

    /// <summary>Where the plugin binaries leave DELs while the host is away.</summary>
    public string SpoolDir { get; set; } = "/var/lib/calico/spool";

    /// <summary>Calls served at once; more wait in the socket's backlog.</summary>
    public int MaxCalls { get; set; } = 128;

    /// <summary>From a call's arrival to its answer, delegates included. Below the 30 seconds that the plugin binary waits.</summary>
    public TimeSpan CallBudget { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary>How old the enforced policy may be before STATUS says that connectivity is limited.</summary>
    public TimeSpan StaleAfter { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How often the spool is looked at while the host runs: a call that was cut may have left a DEL there.</summary>
    public TimeSpan SpoolInterval { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>The node's MTU, one number in a file, as upstream's agent writes it.</summary>
    public string MtuFile { get; set; } = "/var/lib/calico/mtu";

    /// <summary>Whether the annotation <c>allowedSourcePrefixes</c> counts. Off: whoever may write a pod could send from any address.
    /// </summary>
    public bool AllowSourceSpoofing { get; set; }
}

using Calico.Linux.Sysctls;

namespace Calico.Dataplane.Reconciliation;

/// <summary>The host must forward; the kernel says nothing when somebody turns that off, so it is looked at now and then.</summary>
internal sealed class ForwardingSettings(HostNetwork network)
{
    private static readonly string[] Keys = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"];

    /// <summary>Turns forwarding on where it is off.</summary>
    /// <returns>The keys that had been off.</returns>
    public IReadOnlyList<string> Assert() => network.Run(() =>
    {
        var changed = new List<string>();
        foreach (var key in Keys)
        {
            // Null: the kernel has no IPv6.
            if (NetworkSysctls.Read(key) is { } value && value != "1")
            {
                NetworkSysctls.Write(key, "1");
                changed.Add(key);
            }
        }
        return changed;
    });
}

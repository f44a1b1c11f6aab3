using Calico.Linux.Sysctls;

namespace Calico.Dataplane.Reconciliation;

/// <summary>The host must forward; the kernel says nothing when somebody turns that off, so it is looked at now and then.</summary>
internal sealed class ForwardingSettings(HostNetwork network)
{
    private static readonly string[] Keys = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"];

    /// <summary>Why traffic of workloads is not forwarded, though everything else stands; null: it is.</summary>
    public string? Problem { get; private set; }

    /// <summary>Turns forwarding on where it is off.</summary>
    /// <returns>The keys that had been off.</returns>
    /// <remarks>Never fails: a container may have /proc/sys read-only, and where forwarding is on already that does no harm.</remarks>
    public IReadOnlyList<string> Assert() => network.Run(() =>
    {
        var changed = new List<string>();
        Problem = null;
        foreach (var key in Keys)
        {
            // Null: the kernel has no IPv6.
            if (NetworkSysctls.Read(key) is not { } value || value == "1")
            {
                continue;
            }

            try
            {
                NetworkSysctls.Write(key, "1");
                changed.Add(key);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                var name = key.Replace('/', '.');
                Problem = $"{name} is {value} and cannot be changed from here ({e.Message}): workloads reach nothing beyond this host "
                    + $"until somebody does 'sysctl -w {name}=1'";
            }
        }

        return changed;
    });
}

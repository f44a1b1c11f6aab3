using Calico.Linux.Sysctls;

namespace Calico.Dataplane.Workloads;

/// <summary>What the host's settings of IPv6 mean for a pair that is made.</summary>
/// <remarks>Asked anew at each wiring, because they are changed by hand and the kernel tells of none of these. One thread at a time.
/// </remarks>
internal sealed class HostIpv6(HostNetwork network) : IDisposable
{
    /// <summary>RFC 8200, 5: the kernel takes IPv6 off a link below it.</summary>
    private const int LeastMtu = 1280;

    private SysctlFolder? _folder;

    /// <summary>Whether the pair's host side begins with IPv6: a new link is as <c>default</c> says at that moment, and IPv6 has a least
    /// MTU.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Unsupported"/>: it does not, and IPv6 addresses are asked for.</exception>
    public bool WillBeOn(WiringRequest request)
    {
        // A module may be loaded later.
        _folder ??= network.Run(() => SysctlFolder.TryOpen("net/ipv6/conf"));
        var obstacle = _folder?.Read("default/disable_ipv6") switch
        {
            null => "this host's kernel runs without IPv6 (ipv6.disable=1 on its command line, or no module)",
            "0" when request.Mtu is 0 or >= LeastMtu => null,
            "0" => $"its MTU would be {request.Mtu}, and IPv6 needs {LeastMtu} (RFC 8200)",
            _ => "net.ipv6.conf.default.disable_ipv6 is 1 on this host; 'sysctl -w "
                + "net.ipv6.conf.all.disable_ipv6=0' turns it on, for default too",
        };
        if (obstacle is not null && WiringMessages.HasIpv6(request))
        {
            throw new CalicoException(Problem.Unsupported,
                $"IPv6 addresses are asked for {request.Id}, and an interface of this host has no IPv6: {obstacle}");
        }

        return obstacle is null;
    }

    /// <summary>Of a link that was made a moment ago. Where <c>/proc/sys</c> cannot be written, a link that forwards takes none unless told
    /// so by the value 2, and those of workloads are dropped before anything else (wl-raw).</summary>
    /// <exception cref="IOException">It would take them, and cannot be told not to (or <see cref="UnauthorizedAccessException"/>).
    /// </exception>
    public void RefuseAdvertisements(string link)
    {
        try
        {
            _folder!.Write($"{link}/accept_ra", "0");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException
            && _folder!.Read($"{link}/accept_ra") is not "2" and var taken
            && (taken == "0" || _folder.Read($"{link}/forwarding") == "1"))
        {
            // Read-only, and right as it is.
        }
    }

    public void Dispose() => _folder?.Dispose();
}

using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Calico.Host.Node;

/// <summary>Finds the node's address and the MTU that goes with it, as upstream's <c>first-found</c>.</summary>
internal static class AddressDetection
{
    // Interfaces that never carry a node's own address (upstream's autodetection leaves these out).
    private static readonly string[] Skipped = ["docker", "cbr", "dummy", "virbr", "lxcbr", "veth", "lo", "cali", "tunl", "flannel",
        "kube-ipvs", "cni", "podman", "vxlan.calico", "wireguard"];

    /// <summary>The address with its prefix length, or null.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: the setting is neither an address nor a known word.</exception>
    public static (string Address, int Mtu)? Find(string setting, AddressFamily family, string path)
    {
        if (setting is "none" or "")
        {
            return null;
        }

        var interfaces = NetworkInterface.GetAllNetworkInterfaces();
        if (setting != "autodetect")
        {
            var text = setting.Split('/')[0];
            if (!IPAddress.TryParse(text, out var address) || address.AddressFamily != family)
            {
                throw new CalicoException(Problem.Invalid,
                    $"{path} is '{setting}'; it can be an {(family == AddressFamily.InterNetwork ? "IPv4" : "IPv6")} address with or "
                        + "without /length, autodetect, or none", path);
            }

            var owner = interfaces.FirstOrDefault(i => i.GetIPProperties().UnicastAddresses.Any(a => a.Address.Equals(address)));
            return (setting.Contains('/', StringComparison.Ordinal) ? setting
                : $"{setting}/{(family == AddressFamily.InterNetwork ? 32 : 128)}", Mtu(owner));
        }

        var found = (from i in interfaces
                     where i.OperationalStatus == OperationalStatus.Up && !Skipped.Any(s => i.Name.StartsWith(s, StringComparison.Ordinal))
                     from a in i.GetIPProperties().UnicastAddresses
                     where a.Address.AddressFamily == family && !a.Address.IsIPv6LinkLocal && !IPAddress.IsLoopback(a.Address)
                     select (Address: $"{a.Address}/{a.PrefixLength}", Mtu: Mtu(i))).FirstOrDefault();
        return found.Address is null ? null : found;
    }

    /// <summary>The interface that <see cref="Find"/> takes the IPv4 address and MTU from, or null.</summary>
    public static string? FindUplink(string setting)
    {
        var address = Find(setting is "none" or "" ? "autodetect" : setting, AddressFamily.InterNetwork, "IP")?.Address.Split('/')[0];
        return address is null ? null : NetworkInterface.GetAllNetworkInterfaces()
            .FirstOrDefault(i => i.GetIPProperties().UnicastAddresses.Any(a => a.Address.ToString() == address))?.Name;
    }

    /// <summary>Whether a setting is an address of the family, with or without a length, or one of the words.</summary>
    public static bool IsSetting(string setting, AddressFamily family) => setting is "none" or "" or "autodetect"
        || (setting.Split('/') is [var address, .. var length] && length.Length <= 1
            && IPAddress.TryParse(address, out var parsed) && parsed.AddressFamily == family
            && length.All(l => byte.TryParse(l, System.Globalization.NumberStyles.None, null, out var bits)
                && bits <= (family == AddressFamily.InterNetwork ? 32 : 128)));

    /// <summary>Whether an interface that is up has the address.</summary>
    /// <param name="text">With or without its length.</param>
    public static bool IsPresent(string text) => IPAddress.TryParse(text.Split('/')[0], out var address)
        && NetworkInterface.GetAllNetworkInterfaces().Any(i => i.OperationalStatus == OperationalStatus.Up
            && i.GetIPProperties().UnicastAddresses.Any(a => a.Address.Equals(address)));

    private static int Mtu(NetworkInterface? owner) => owner?.GetIPProperties().GetIPv4Properties()?.Mtu ?? 1500;
}

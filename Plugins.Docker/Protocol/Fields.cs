using System.Net;
using System.Net.NetworkInformation;

namespace Calico.Plugins.Docker.Protocol;

/// <summary>Fields of requests, checked.</summary>
internal static class Fields
{
    private const int MaxId = 128;

    /// <summary>An id of dockerd's: it becomes a part of names and keys.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>, with the field.</exception>
    public static string Id(string? value, string field) =>
        value is { Length: > 0 and <= MaxId } && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            ? value
            : throw new CalicoException(
                Problem.Invalid, $"'{Short(value)}' is not an id: 1 to {MaxId} letters, digits, '-', '_' or '.'", field);

    /// <summary>An address, with or without its length.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>, with the field.</exception>
    public static IPAddress Address(string value, string field) =>
        IPAddress.TryParse(value.AsSpan(0, value.IndexOf('/') is var slash and >= 0 ? slash : value.Length), out var address)
            ? address
            : throw new CalicoException(Problem.Invalid, $"'{Short(value)}' is not an address", field);

    /// <summary>A range, without bits beyond its length.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>, with the field.</exception>
    public static IPNetwork Range(string value, string field) => IPNetwork.TryParse(value, out var range)
        ? range
        : throw new CalicoException(Problem.Invalid, $"'{Short(value)}' is not a range like 10.65.0.0/16", field);

    /// <summary>A MAC with colons.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>, with the field.</exception>
    public static PhysicalAddress Mac(string value, string field) =>
        PhysicalAddress.TryParse(value, out var mac) && mac.GetAddressBytes().Length == 6
            ? mac
            : throw new CalicoException(Problem.Invalid, $"'{Short(value)}' is not a MAC address", field);

    public static string Text(PhysicalAddress mac) => string.Join(':', mac.GetAddressBytes().Select(b => b.ToString("x2", null)));

    /// <summary>The address as a range of its own.</summary>
    public static IPNetwork Host(IPAddress address) => new(address, address.GetAddressBytes().Length * 8);

    private static string Short(string? value) => value is null ? "" : value.Length <= 80 ? value : value[..80] + "…";
}

using System.Net;
using System.Net.Sockets;

namespace Calico.Plugins.Docker.Protocol;

/// <summary>What a network may take addresses of: <c>space|pool|sub-pool</c>. It says all of that itself, because dockerd keeps it for ever
/// and this node may have forgotten, or never have been asked.</summary>
/// <param name="Space">Who asked: a node for itself, or a scheduler for all.</param>
/// <param name="Pool">As in <c>--subnet</c>; <c>0.0.0.0/0</c> or <c>::/0</c>: any pool of the family.</param>
/// <param name="Range">As in <c>--ip-range</c>; null: all of it.</param>
internal sealed record PoolId(string Space, IPNetwork Pool, IPNetwork? Range)
{
    public bool IsIpv6 => Pool.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6;

    /// <summary>Whether it is not of one pool.</summary>
    public bool IsAny => Pool.PrefixLength == 0;

    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: no pool of this driver is called so.</exception>
    public static PoolId Parse(string? text)
    {
        var parts = text?.Split('|') ?? [];
        return parts is [var space, var pool, var range] && AddressSpaces.IsOurs(space) && IPNetwork.TryParse(pool, out var whole)
            && (range.Length == 0 || (IPNetwork.TryParse(range, out var part) && Contains(whole, part)))
            ? new(space, whole, range.Length == 0 ? null : IPNetwork.Parse(range))
            : throw new CalicoException(Problem.Invalid, $"'{text}' is no pool of this driver", "PoolID");
    }

    /// <summary>Whether all of one range lies in the other.</summary>
    public static bool Contains(IPNetwork outer, IPNetwork inner) =>
        outer.BaseAddress.AddressFamily == inner.BaseAddress.AddressFamily && outer.PrefixLength <= inner.PrefixLength
        && outer.Contains(inner.BaseAddress);

    public override string ToString() => $"{Space}|{Pool}|{Range?.ToString() ?? ""}";
}

using System.Net;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Host sides of pairs as they were wired, and as they should be until they are unwired.</summary>
/// <remarks>A link is known by its index from the moment it was wired (or found under its name, or by its alias, after a restart) until the
/// kernel tells that it is gone: in between the index is nobody else's, whatever the link is called. Safe from any thread. Who mends a link
/// does so inside <see cref="With"/>, so that none that is on its way out is mended.</remarks>
internal sealed class KeptLinks
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, KeptLink> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<int, KeptLink> _byIndex = [];
    private readonly Dictionary<string, int> _moved = new(StringComparer.Ordinal);

    public IReadOnlyList<KeptLink> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _byName.Values];
            }
        }
    }

    /// <summary>The link is to stay as it is told; replaces what was told of that name.</summary>
    public void Add(KeptLink link)
    {
        lock (_gate)
        {
            Take(link.Name);
            _moved.Remove(link.Name);
            _byName[link.Name] = link;
            _byIndex[link.Index] = link;
        }
    }

    public KeptLink? Find(string name)
    {
        lock (_gate)
        {
            return _byName.GetValueOrDefault(name);
        }
    }

    public KeptLink? Find(int index)
    {
        lock (_gate)
        {
            return _byIndex.GetValueOrDefault(index);
        }
    }

    /// <summary>Answers to 127.0.0.1 may, or may not, come in by the link from now on.</summary>
    /// <returns>Its index if that is another wish than before; null: it is not, or there is no such link yet.</returns>
    public int? LetLoopback(string name, bool lets)
    {
        lock (_gate)
        {
            if (!_byName.TryGetValue(name, out var link) || link.LetsLoopback == lets)
            {
                return null;
            }

            _byName[name] = _byIndex[link.Index] = link with { LetsLoopback = lets };
            return link.Index;
        }
    }

    /// <summary>Somebody moved the link out of this namespace: whoever ends its endpoint has to look for the pair at its other end.
    /// </summary>
    public void NoteMoved(KeptLink link)
    {
        lock (_gate)
        {
            _moved[link.Name] = link.Index;
        }
    }

    /// <summary>The index that the link of this name had here before it was moved away; null: it was not.</summary>
    public int? TakeMoved(string name)
    {
        lock (_gate)
        {
            return _moved.Remove(name, out var index) ? index : null;
        }
    }

    /// <summary>The link is on its way out, or gone; when this returns nobody mends it any more.</summary>
    public KeptLink? Take(string name)
    {
        lock (_gate)
        {
            if (_byName.Remove(name, out var link))
            {
                _byIndex.Remove(link.Index);
            }

            return link;
        }
    }

    /// <summary>The kernel told that it is gone.</summary>
    public KeptLink? Take(int index)
    {
        lock (_gate)
        {
            return _byIndex.TryGetValue(index, out var link) ? Take(link.Name) : null;
        }
    }

    /// <summary>Does something with a link that stays kept meanwhile.</summary>
    public T? With<T>(int index, Func<KeptLink, T?> work) where T : class
    {
        lock (_gate)
        {
            return _byIndex.TryGetValue(index, out var link) ? work(link) : null;
        }
    }
}

/// <summary>What of a host side is written at its wiring and kept; the rest is the same for all of them.</summary>
/// <param name="Name">With our prefix; policy goes by it.</param>
/// <param name="Index">Which link it is.</param>
/// <param name="Alias">Its name first, so that a restarted process knows it under another one; then its endpoint, for people.</param>
/// <param name="Mtu">Bytes.</param>
/// <param name="HasIpv6">The workload has an IPv6 address, and its gateway is here.</param>
/// <param name="Gateway6">Another gateway of IPv6 that is here, or null.</param>
internal sealed record KeptLink(string Name, int Index, string Alias, int Mtu, bool HasIpv6, IPAddress? Gateway6 = null)
{
    /// <summary>Gateway of IPv4 that the host answers for with its loopback, because somebody else configures the other end; null: none.
    /// </summary>
    public IPAddress? HandedOverGateway { get; init; }

    /// <summary>Answers to 127.0.0.1 may come in by it.</summary>
    public bool LetsLoopback { get; init; }
}

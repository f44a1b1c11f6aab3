using System.Collections.Concurrent;
using Calico.Datastore.Addresses;

namespace Calico.Dataplane.Reconciliation;

/// <summary>Which routes this node should have, and which of them changed since they were last written.</summary>
/// <remarks>Not a <see cref="Calico.Felix.Delta{TKey,TValue}"/>: there is no "as it was told". The wiring writes a workload's route with
/// its link and the kernel deletes it with that, so one that is wanted as before may have to be written nevertheless. Changed on the loop;
/// <see cref="Contains"/> from any thread.</remarks>
internal sealed class WantedRoutes(LinkLedger ledger)
{
    private readonly ConcurrentDictionary<Cidr, string?> _links = [];
    private readonly Dictionary<string, HashSet<Cidr>> _ofLink = new(StringComparer.Ordinal);
    private readonly HashSet<Cidr> _touched = [];

    /// <summary>Destinations that were wanted or given up since <see cref="Settle"/>, whatever became of them.</summary>
    public IReadOnlyCollection<Cidr> Touched => _touched;

    /// <summary>Every destination with its link; null: nowhere (a blackhole).</summary>
    public IEnumerable<KeyValuePair<Cidr, string?>> All => _links;

    public bool Contains(Cidr destination) => _links.ContainsKey(destination);

    public bool TryGet(Cidr destination, out string? link) => _links.TryGetValue(destination, out link);

    /// <summary>Those that lead to this link.</summary>
    public IReadOnlyCollection<Cidr> Of(string link) => _ofLink.TryGetValue(link, out var destinations) ? destinations : [];

    public void Want(Cidr destination, string? link)
    {
        _touched.Add(destination);
        if (_links.TryGetValue(destination, out var former) && former == link)
        {
            return;
        }

        Forget(destination);
        _links[destination] = link;
        if (link is not null && !_ofLink.TryAdd(link, [destination]))
        {
            _ofLink[link].Add(destination);
        }
    }

    public void GiveUp(Cidr destination)
    {
        _touched.Add(destination);
        Forget(destination);
    }

    /// <summary>The kernel was told all of it.</summary>
    public void Settle() => _touched.Clear();

    /// <summary>Not wanted, or not of its former link: what is deleted or replaced here is told by no notice.</summary>
    private void Forget(Cidr destination)
    {
        if (!_links.TryRemove(destination, out var link) || link is null)
        {
            return;
        }

        ledger.ForgetRoute(link, destination);
        var left = _ofLink[link];
        left.Remove(destination);
        if (left.Count == 0)
        {
            _ofLink.Remove(link);
        }
    }
}

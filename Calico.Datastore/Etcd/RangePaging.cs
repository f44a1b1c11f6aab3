using Etcdserverpb;
using Google.Protobuf;

namespace Calico.Datastore.Etcd;

/// <summary>Where a list that is read in pages is.</summary>
/// <remarks>etcd looks through all that is left of a list for each page of it, so there should be few; but what a page holds is in
/// memory at once. So pages grow towards a number of bytes, by what the last one's values were.</remarks>
internal sealed class RangePaging((ByteString Start, ByteString End) interval, long revision)
{
    private const int LeastKeys = 500;
    private const int MostKeys = 5000;
    private const int WantedBytes = 2 << 20;

    private readonly RangeRequest _request = new()
    {
        Key = interval.Start,
        RangeEnd = interval.End,
        Limit = LeastKeys,
        Revision = revision,
    };

    /// <summary>Of all pages: that of the first one, where none was asked for.</summary>
    public long Revision => _request.Revision;

    /// <summary>What to ask for; not changed afterwards.</summary>
    public RangeRequest Next() => _request.Clone();

    /// <summary>Takes note of a page.</summary>
    /// <returns>Whether there is another one.</returns>
    public bool Take(RangeResponse page)
    {
        if (_request.Revision == 0)
        {
            // Every further page is of the first one's revision.
            _request.Revision = page.Header.Revision;
        }

        if (!page.More || page.Kvs.Count == 0)
        {
            return false;
        }

        // The key right behind the last one.
        _request.Key = ByteString.CopyFrom([.. page.Kvs[^1].Key.Span, 0]);
        var bytes = page.Kvs.Sum(item => (long)item.Key.Length + item.Value.Length);
        var fits = WantedBytes / Math.Max(1, bytes / page.Kvs.Count);
        _request.Limit = Math.Clamp(Math.Min(fits, 2 * _request.Limit), LeastKeys, MostKeys);
        return true;
    }

    /// <summary>Goes back to the smallest page.</summary>
    /// <returns>False: it was one already.</returns>
    public bool TryShrink()
    {
        if (_request.Limit == LeastKeys)
        {
            return false;
        }

        _request.Limit = LeastKeys;
        return true;
    }
}

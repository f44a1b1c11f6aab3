using Calico.Datastore.Etcd;
using Etcdserverpb;
using Google.Protobuf;
using Mvccpb;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

/// <summary>How a list of etcd is asked for in pages.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RangePagingTests
{
    private readonly RangePaging _paging = new((ByteString.CopyFromUtf8("/a"), ByteString.CopyFromUtf8("/b")), 0);

    [Test]
    public void Pages_are_of_the_first_ones_revision_and_each_begins_behind_the_last()
    {
        var first = _paging.Next();
        Assert.That((first.Key.ToStringUtf8(), first.RangeEnd.ToStringUtf8(), first.Revision), Is.EqualTo(("/a", "/b", 0)));
        Assert.That(_paging.Take(Page(first.Limit, 10, revision: 7)), Is.True);
        var second = _paging.Next();
        Assert.That((second.Key.ToStringUtf8(), second.RangeEnd.ToStringUtf8(), second.Revision), Is.EqualTo(("/a/last\0", "/b", 7)));
        Assert.That((first.Key.ToStringUtf8(), first.Revision), Is.EqualTo(("/a", 0)), "what was asked for is not changed");
        Assert.That(_paging.Take(Page(3, 10, revision: 9, more: false)), Is.False);
        Assert.That(_paging.Revision, Is.EqualTo(7));
    }

    [TestCase(700, new[] { 500, 1000, 2000, 2966 })]
    [TestCase(10, new[] { 500, 1000, 2000, 4000, 5000, 5000 })]
    [TestCase(100_000, new[] { 500, 500, 500 })]
    public void Pages_grow_towards_two_megabytes(int bytes, int[] limits)
    {
        Assert.That(limits.Select(_ =>
        {
            var limit = _paging.Next().Limit;
            _paging.Take(Page(limit, bytes, revision: 7));
            return (int)limit;
        }), Is.EqualTo(limits));
    }

    [Test]
    public void One_that_failed_is_asked_for_again_as_the_smallest_and_then_no_more()
    {
        _paging.Take(Page(500, 10, revision: 7));
        var failed = _paging.Next();
        Assert.That(_paging.TryShrink(), Is.True);
        Assert.That((_paging.Next().Key, _paging.Next().Limit), Is.EqualTo((failed.Key, 500L)));
        Assert.That(_paging.TryShrink(), Is.False, "it is not the size");
    }

    private static RangeResponse Page(long count, int bytes, long revision, bool more = true)
    {
        var page = new RangeResponse { Header = new() { Revision = revision }, More = more };
        var item = new KeyValue { Key = ByteString.CopyFromUtf8("/a/last"), Value = ByteString.CopyFrom(new byte[bytes]) };
        page.Kvs.AddRange(Enumerable.Repeat(item, (int)count));
        return page;
    }
}

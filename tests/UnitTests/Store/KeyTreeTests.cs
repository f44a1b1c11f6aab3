using Calico.EmbeddedStore.Engine;
using CsCheck;
using NUnit.Framework;

namespace Calico.UnitTests.Store;

public sealed class KeyTreeTests
{
    private static readonly Gen<byte[]> Key = Gen.Byte[0, 3].Array[1, 3];

    [Test, Category("fuzz")]
    public void A_tree_is_a_sorted_map_and_old_trees_stay_as_they_were()
    {
        Gen.Select(Gen.Bool, Key).List[0, 200].Sample(steps =>
        {
            var tree = KeyTree<byte[]>.Empty;
            var model = new SortedDictionary<byte[], byte[]>(Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)));
            var snapshots = new List<(KeyTree<byte[]> Tree, byte[][] Keys)>();
            foreach (var (isSet, key) in steps)
            {
                if (isSet)
                {
                    tree = tree.Set(key, key);
                    model[key] = key;
                }
                else
                {
                    tree = tree.Remove(key);
                    model.Remove(key);
                }

                snapshots.Add((tree, [.. model.Keys]));
            }

            return snapshots.All(s => s.Tree.Count == s.Keys.Length
                && s.Tree.Range(KeyInterval.All).Zip(s.Keys).All(p => p.First.AsSpan().SequenceEqual(p.Second))
                && s.Keys.All(k => s.Tree.Find(k) is not null));
        });
    }

    [Test, Category("fuzz")]
    public void A_tree_that_is_made_at_once_is_as_one_that_grew()
    {
        Gen.Select(Key.List[0, 60], Key, Key).Sample((keys, set, gone) =>
        {
            var grown = keys.Aggregate(KeyTree<byte[]>.Empty, (t, k) => t.Set(k, k));
            var made = KeyTree<byte[]>.From([.. keys.DistinctBy(Convert.ToHexString).Order(KeyText.Order).Select(k => (k, k))]);
            return Texts(made).SequenceEqual(Texts(grown)) && made.Count == grown.Count
                && Texts(made.Set(set, set).Remove(gone)).SequenceEqual(Texts(grown.Set(set, set).Remove(gone)))
                && keys.All(k => made.Find(k) is not null) && made.Find(set) is null == grown.Find(set) is null;
        });

        static IEnumerable<string> Texts(KeyTree<byte[]> tree) => tree.Range(KeyInterval.All).Select(Convert.ToHexString);
    }

    [Test, Category("fuzz")]
    public void A_range_holds_what_its_interval_contains()
    {
        Gen.Select(Key.List[0, 60], Key, Key.Select(k => k.Length == 1 ? [] : k)).Sample((keys, start, end) =>
        {
            var interval = new KeyInterval(start, end);
            var tree = keys.Aggregate(KeyTree<byte[]>.Empty, (t, k) => t.Set(k, k));
            var expected = keys.Where(k => interval.Contains(k)).Select(Convert.ToHexString).Distinct().Order(StringComparer.Ordinal);
            return tree.Range(interval).Select(Convert.ToHexString).SequenceEqual(expected);
        });
    }

    [TestCase("61", "62")]
    [TestCase("61FF", "62")]
    [TestCase("FFFF", "00")]
    [TestCase("", "00")]
    public void The_end_of_a_prefix_is_the_first_key_behind_it(string prefix, string end) =>
        Assert.That(Convert.ToHexString(KeyInterval.Prefix(Convert.FromHexString(prefix)).End), Is.EqualTo(end));
}

using Calico.Felix;
using NUnit.Framework;

namespace Calico.UnitTests.Felix;

public sealed class DeltaTests
{
    private static string Text(Delta<string, int> delta) => string.Join(' ', delta.Changes.OrderBy(c => c.Key, StringComparer.Ordinal)
        .Select(c => $"{c.Key}:{(c.Was ? c.Former : "-")}>{(c.Is ? c.Desired : "-")}"));

    [Test]
    public void Only_the_last_state_of_a_key_counts_and_one_that_is_as_it_was_told_differs_in_nothing()
    {
        var delta = new Delta<string, int>();
        delta.Set("a", 1);
        delta.Set("a", 2);
        delta.Set("b", 1);
        delta.Remove("b");
        delta.Remove("c");
        Assert.That(Text(delta), Is.EqualTo("a:->2"));
        delta.Settle();
        Assert.That(delta.IsPending, Is.False);
        delta.Set("a", 3);
        delta.Set("a", 2);
        Assert.That(delta.IsPending, Is.False);
        delta.Remove("a");
        Assert.That(Text(delta), Is.EqualTo("a:2>-"));
        delta.Set("a", 2);
        Assert.That(delta.IsPending, Is.False);
    }

    [Test]
    public void What_is_held_back_differs_still()
    {
        var delta = new Delta<string, int>();
        delta.Replace(new Dictionary<string, int> { ["a"] = 1, ["b"] = 2 });
        delta.Settle();
        delta.Remove("a");
        delta.Set("c", 3);
        delta.Settle(c => !c.Is);
        Assert.That(Text(delta), Is.EqualTo("a:1>-"));
        Assert.That((delta.Differs("a"), delta.Differs("c")), Is.EqualTo((true, false)));
        delta.Settle(_ => false);
        Assert.That(delta.IsPending, Is.False);
    }

    [Test]
    public void What_the_kernel_really_holds_becomes_what_was_told()
    {
        var delta = new Delta<string, int>();
        delta.Replace(new Dictionary<string, int> { ["a"] = 1, ["b"] = 2 });
        delta.Settle();
        delta.Rebase(new Dictionary<string, int> { ["b"] = 3, ["x"] = 9 });
        Assert.That(Text(delta), Is.EqualTo("a:->1 b:3>2 x:9>-"));
        Assert.That((delta.ToldCount, delta.TryGetTold("a", out _), delta.TryGetTold("x", out var x), x), Is.EqualTo((2, false, true, 9)));
        delta.Settle();
        Assert.That((delta.ToldCount, delta.TryGetTold("x", out _)), Is.EqualTo((2, false)));
    }

    /// <summary>Against two plain maps.</summary>
    [Test]
    public void Whatever_happens_the_changes_lead_from_what_was_told_to_what_is_desired([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        var (delta, desired, told) = (new Delta<string, int>(), new Dictionary<string, int>(), new Dictionary<string, int>());
        for (var step = 0; step < 500; step++)
        {
            var (key, value) = ($"k{random.Next(6)}", random.Next(3));
            switch (random.Next(10))
            {
                case < 5:
                    delta.Set(key, value);
                    desired[key] = value;
                    break;
                case < 8:
                    delta.Remove(key);
                    desired.Remove(key);
                    break;
                case 8:
                    delta.Settle();
                    told = new(desired);
                    break;
                default:
                    told = Enumerable.Range(0, 6).Where(_ => random.Next(2) == 0).ToDictionary(i => $"k{i}", _ => random.Next(3));
                    delta.Rebase(told);
                    break;
            }

            var led = new Dictionary<string, int>(told);
            foreach (var change in delta.Changes)
            {
                Assert.That(change.Was, Is.EqualTo(told.TryGetValue(change.Key, out var former)), $"seed {seed}");
                Assert.That(change.Was ? change.Former : 0, Is.EqualTo(former));
                led.Remove(change.Key);
                if (change.Is)
                {
                    led[change.Key] = change.Desired;
                }
            }

            Assert.That(led, Is.EquivalentTo(desired), $"seed {seed}, step {step}");
            Assert.That(delta.Changes.Select(c => c.Key), Is.EquivalentTo(desired.Keys.Union(told.Keys)
                .Where(k => desired.TryGetValue(k, out var d) != told.TryGetValue(k, out var t) || d != t)), "no more than differs");
            Assert.That(delta.ToldCount, Is.EqualTo(told.Count));
        }
    }
}

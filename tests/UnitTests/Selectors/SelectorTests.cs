using Calico.Datastore.Selectors;
using CsCheck;
using NUnit.Framework;

namespace Calico.UnitTests.Selectors;

[TestFixture]
public sealed class SelectorTests
{
    private static Selector Parse(string text) =>
        Selector.TryParse(text, out var selector, out var error) ? selector : throw new AssertionException($"{text}: {error}");

    [TestCase("color == 'red'", Truth.Unknown)]
    [TestCase("ns == 'a'", Truth.True)]
    [TestCase("ns == 'b'", Truth.False)]
    [TestCase("!ns == 'b'", Truth.True)]
    [TestCase("ns == 'b' && color == 'red'", Truth.False)]
    [TestCase("ns == 'a' || color == 'red'", Truth.True)]
    [TestCase("ns == 'a' && color == 'red'", Truth.Unknown)]
    [TestCase("!has(color)", Truth.Unknown)]
    [TestCase("has(ns)", Truth.True)]
    [TestCase("color in {}", Truth.False)]
    [TestCase("color not in {}", Truth.True)]
    [TestCase("", Truth.True)]
    public void Selector_is_decided_without_pending_labels_only_when_they_cannot_matter(string text, Truth expected) =>
        Assert.That(Parse(text).Decide(new Dictionary<string, string> { ["ns"] = "a" }), Is.EqualTo(expected));

    [Test]
    public void Nesting_is_bounded()
    {
        Assert.That(Selector.TryParse(new string('(', 5000), out _, out var error), Is.False);
        Assert.That(error, Does.Contain("nested"));
        Assert.That(Selector.TryParse(new string('!', 5001) + "has(a)", out var selector, out _), Is.True);
        Assert.That(selector!.Canonical, Is.EqualTo("!has(a)"));
        Assert.That(Selector.TryParse(new string(' ', Selector.MaxLength + 1), out _, out _), Is.False);
    }

    [Test]
    public void Owner_selector_becomes_one_over_endpoints()
    {
        Assert.That(Parse("all()").OverOwners("pcns.", "projectcalico.org/namespace").Canonical,
            Is.EqualTo("has(projectcalico.org/namespace)"));
        Assert.That(Parse("global()").OverOwners("pcns.", "projectcalico.org/namespace").Canonical,
            Is.EqualTo("!has(projectcalico.org/namespace)"));
        Assert.That(Parse("a == 'b' && !c in {'d'}").OverOwners("pcns.", "x").Canonical,
            Is.EqualTo("(pcns.a == \"b\" && !pcns.c in {\"d\"})"));
    }

    [Test, Category("fuzz")]
    public void Canonical_text_parses_to_itself_and_means_the_same() =>
        Texts().Sample(text =>
        {
            var first = Parse(text);
            var again = Parse(first.Canonical);
            return again.Equals(first) && again.Id == first.Id && LabelSets.All(l => again.Matches(l) == first.Matches(l));
        });

    [Test, Category("fuzz")]
    public void What_is_decided_early_stays_so_whatever_comes() =>
        Gen.Select(Texts(), Gen.Int[0, LabelSets.Length - 1]).Sample((text, which) =>
        {
            var selector = Parse(text);
            var known = LabelSets[which];
            return selector.Decide(known) switch
            {
                Truth.True => LabelSets.Where(l => known.All(k => l.TryGetValue(k.Key, out var v) && v == k.Value)).All(selector.Matches),
                Truth.False => !LabelSets.Where(l => known.All(k => l.TryGetValue(k.Key, out var v) && v == k.Value)).Any(selector.Matches),
                _ => true,
            };
        });

    [Test, Category("fuzz")]
    public void Restrictions_are_necessary() =>
        Texts().Sample(text =>
        {
            var selector = Parse(text);
            return LabelSets.Where(selector.Matches).All(labels => selector.Restrictions.All(r =>
                (!r.Value.MustBePresent || labels.ContainsKey(r.Key)) && (!r.Value.MustBeAbsent || !labels.ContainsKey(r.Key))
                && (r.Value.OneOf is not { } values || values.Contains(labels[r.Key]))));
        });

    [Test, Category("fuzz")]
    public void Arbitrary_text_is_parsed_or_refused_with_a_reason() =>
        Gen.String["ab '\"{}(),=!&|\t\nhasinotcewdlg"].Sample(text => Selector.TryParse(text, out _, out var error) || error.Length > 0);

    private static readonly Dictionary<string, string>[] LabelSets =
    [.. from a in new[] { null, "x", "y", "xy" } from b in new[] { null, "x", "y", "" }
        select new[] { ("a", a), ("b", b) }.Where(p => p.Item2 is not null).ToDictionary(p => p.Item1, p => p.Item2!)];

    private static readonly string[] Leaves =
    [
        "a == 'x'", "a != \"y\"", "b in {'x', 'y',}", "b notin {''}", "has( a )", "b contains 'x'", "a startswith 'x'",
        "a ends  with \"y\"", "all()", "global( )", "b in {}",
    ];

    private static Gen<string> Texts() => Gen.Recursive<string>((depth, again) =>
    {
        var leaf = Gen.Int[0, Leaves.Length - 1].Select(i => Leaves[i]);
        return depth > 4 ? leaf : Gen.OneOf(leaf, again.Select(s => $"!({s})"), again.Select(s => $"({s})"),
            Gen.Select(again, again, (l, r) => $"{l} && {r}"), Gen.Select(again, again, (l, r) => $"{l}||{r}"));
    });
}

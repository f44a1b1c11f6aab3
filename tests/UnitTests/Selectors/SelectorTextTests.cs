using System.Collections.Immutable;
using Calico.Datastore.Selectors;
using NUnit.Framework;

namespace Calico.UnitTests.Selectors;

/// <summary>Texts: what they mean, what is refused with which words, and what a selector asks of its labels.</summary>
[TestFixture]
public sealed class SelectorTextTests
{
    [TestCase("a == 'x'", "a == \"x\"")]
    [TestCase("a=='x\"y'", "a == 'x\"y'")]
    [TestCase("a != \"it's\"", "a != \"it's\"")]
    [TestCase("a in{'z','b',\"\U0001F600\",'\uffff'}", "a in {\"b\", \"z\", \"\uffff\", \"\U0001F600\"}")]
    [TestCase("a\tnot \tin\t{ 'b' }", "a not in {\"b\"}")]
    [TestCase("a starts \t with 'x' || b endswith 'y'", "(a starts with \"x\" || b ends with \"y\")")]
    [TestCase("a contains'x'", "a contains \"x\"")]
    [TestCase("a in {}", "a in {}")]
    [TestCase("has(\tA_9./-z \t)", "has(A_9./-z)")]
    [TestCase("has(in) && in in {'in'}", "(has(in) && in in {\"in\"})")]
    [TestCase("contains contains 'contains'", "contains contains \"contains\"")]
    [TestCase("all( ) && !global(\t)", "(all() && !global())")]
    [TestCase("allin == 'x'", "allin == \"x\"")]
    [TestCase(" \t", "all()")]
    [TestCase("!!(!has(a))", "!has(a)")]
    [TestCase("(a == 'x') || ((has(b)) && has(c))", "(a == \"x\" || (has(b) && has(c)))")]
    public void Canonical_text(string text, string canonical)
    {
        var selector = Parse(text);
        Assert.That(selector.Canonical, Is.EqualTo(canonical));
        Assert.That(selector, Is.EqualTo(Parse(canonical)));
        Assert.That(selector.Equals(null), Is.False);
    }

    [TestCase("a == 'x' b", "unexpected content at end of selector [Label(b) End]")]
    [TestCase("(has(a)", "expected )")]
    [TestCase("a", "unexpected end of string looking for op")]
    [TestCase("a ==", "expected string")]
    [TestCase("a == b", "expected string")]
    [TestCase("a != has(b)", "expected string")]
    [TestCase("a in 'b'", "expected set literal")]
    [TestCase("a in 'b'}", "expected set literal")]
    [TestCase("a in {'b' 'c'}", "expected }")]
    [TestCase("a in {'b',,'c'}", "expected }")]
    [TestCase("a in {'b'", "expected }")]
    [TestCase("has(a", "no closing ')' after has(")]
    [TestCase("has(a b)", "no closing ')' after has(")]
    [TestCase("all(", "no closing ')' after all(")]
    [TestCase("all(x)", "no closing ')' after all(")]
    [TestCase("global(x)", "no closing ')' after global(")]
    [TestCase("has()", "expected identifier")]
    [TestCase("\u00e9 == 'x'", "expected identifier")]
    [TestCase("a = 'x'", "expected ==")]
    [TestCase("has(a) & has(b)", "expected &&")]
    [TestCase("has(a) | has(b)", "expected ||")]
    [TestCase("a == 'x", "unterminated string")]
    [TestCase("a endswithx 'y'", "expected operator after label \"a\"")]
    [TestCase("a contains_ 'y'", "expected operator after label \"a\"")]
    [TestCase("a in9 {'y'}", "expected operator after label \"a\"")]
    [TestCase("a startsx 'y'", "expected operator after label \"a\"")]
    [TestCase("a starts without 'y'", "expected operator after label \"a\"")]
    [TestCase("a\nin {'y'}", "expected operator after label \"a\"")]
    [TestCase("== 'x'", "unexpected token: Equal")]
    [TestCase("has(a) && ", "unexpected token: End")]
    [TestCase("'x' == a", "unexpected token: StringLiteral(x)")]
    [TestCase("a && has(b)", "expected == or != not: And")]
    public void Refused_with_words(string text, string words)
    {
        Assert.That(Selector.TryParse(text, out var selector, out var error), Is.False);
        Assert.That(selector, Is.Null);
        Assert.That(error, Is.EqualTo(words));
    }

    [Test]
    public void Bounds_are_exact()
    {
        Assert.That(Parse(new string(' ', Selector.MaxLength)).Canonical, Is.EqualTo("all()"));
        Refused(new string(' ', Selector.MaxLength + 1), "a selector has at most 16384 characters");
        Assert.That(Parse($"has({new string('l', 512)})").Canonical, Has.Length.EqualTo(517));
        Refused($"has({new string('l', 513)})", "a label name has at most 512 characters");
        Assert.That(Parse(new string('(', 99) + "has(a)" + new string(')', 99)).Canonical, Is.EqualTo("has(a)"));
        Refused(new string('(', 100) + "has(a)" + new string(')', 100), "more than 100 nested parentheses");
        // Beside each other is not within each other.
        Assert.That(Parse(string.Join(" || ", Enumerable.Repeat("(has(a))", 150))).Canonical,
            Has.Length.EqualTo(2 + (150 * 6) + (149 * 4)));

        static void Refused(string text, string words)
        {
            Assert.That(Selector.TryParse(text, out _, out var error), Is.False);
            Assert.That(error, Is.EqualTo(words));
        }
    }

    /// <summary>Lengths on both sides of each border of a block of the hash, computed by another program.</summary>
    [TestCase(40, "s:ZdgT6ps17Knbv1fWSn74QdRlusig-5RztvnqMw")]
    [TestCase(47, "s:Fa3YMteJ6DZEAo3aujF2ppKpp34uzD4mZEwAUg")]
    [TestCase(48, "s:LTkebBhjx8F23dJGe9KWY4D57CSYJgEC2J01nw")]
    [TestCase(49, "s:yeQlL0lJiSBzKMHrheeQPoLWxKut-St7ngMMDg")]
    [TestCase(50, "s:pghmD_-F68kv83lI1Vd_OVDZw8f1Z9lpgniaFA")]
    [TestCase(51, "s:v6iDoYPWfGKlwcirYiHlcP5hmQo50Krznac_8g")]
    [TestCase(52, "s:taR_X6SICtrBI3LoZ-T8-yuB9J4mOL38RJmVEg")]
    [TestCase(100, "s:ghLl_w6fyaZQjgNXG8XOc3BuYfrKjzc_lJWezA")]
    [TestCase(110, "s:uAMdhZZOTLrlGbfNGJxJ1vg3tfLVN9dJeUH-3A")]
    [TestCase(111, "s:aWejNBmgeDAygwkWwunbZ_cEpiU6VIX0cRn5xA")]
    [TestCase(112, "s:RqZdF2nZrUmKw8TbhelIR9SkraoTUbLeYy2zXQ")]
    [TestCase(113, "s:QrYVmTo_8mYMYYZA6ZOu0iFDsX6b-yE87rfWMg")]
    [TestCase(200, "s:kdqfXMPn_EqeCVTg5X8BV1rQmFfZ9bI61KLbkg")]
    public void Ids_are_the_SHA_224_of_the_canonical_text(int length, string id)
    {
        var selector = Parse($"has({new string('a', length)})");
        Assert.That(selector.Id, Is.EqualTo(id));
        Assert.That(selector.Id, Is.SameAs(selector.Id), "hashed once");
    }

    [TestCase("has(a)", "a: present")]
    [TestCase("!has(a)", "a: absent")]
    [TestCase("!(a == 'x')", "")]
    [TestCase("a == 'x'", "a: present, one of x")]
    [TestCase("a != 'x'", "")]
    [TestCase("a in {'y', 'x'}", "a: present, one of x y")]
    [TestCase("a not in {'x'}", "")]
    [TestCase("a contains 'x'", "a: present")]
    [TestCase("all()", "")]
    [TestCase("has(a) && !has(b) && c == 'x'", "a: present; b: absent; c: present, one of x")]
    [TestCase("has(a) && a in {'x', 'y'}", "a: present, one of x y")]
    [TestCase("a in {'x', 'y'} && a in {'y', 'z'}", "a: present, one of y")]
    [TestCase("!has(a) && has(a)", "a: present, absent")]
    [TestCase("has(a) && !has(a)", "a: present, absent")]
    [TestCase("a == 'y' || a in {'x', 'z'}", "a: present, one of x y z")]
    [TestCase("a == 'y' || has(a)", "a: present")]
    [TestCase("!has(a) || !has(a) && b == 'x'", "a: absent")]
    [TestCase("has(a) || !has(a)", "")]
    [TestCase("has(a) || has(b)", "")]
    [TestCase("(has(a) && b == 'x') || b == 'y'", "b: present, one of x y")]
    public void What_a_selector_asks_of_labels(string text, string asked)
    {
        var selector = Parse(text);
        Assert.That(string.Join("; ", selector.Restrictions.Select(r => $"{r.Key}: {Describe(r.Value)}")), Is.EqualTo(asked));
        Assert.That(selector.Restrictions, Is.SameAs(selector.Restrictions), "worked out once");

        static string Describe(LabelRestriction restriction) => string.Join(", ", new[]
        {
            restriction.MustBePresent ? "present" : null, restriction.MustBeAbsent ? "absent" : null,
            restriction.OneOf is { } values ? $"one of {string.Join(' ', values)}" : null,
        }.OfType<string>());
    }

    [TestCase("all()", false)]
    [TestCase("has(a)", false)]
    [TestCase("a == 'x'", false)]
    [TestCase("a in {'x'}", false)]
    [TestCase("global()", true)]
    [TestCase("!global()", true)]
    [TestCase("has(a) && global()", true)]
    [TestCase("global() || has(a)", true)]
    [TestCase("has(a) && has(b) || !has(c)", false)]
    public void Use_of_global(string text, bool uses) => Assert.That(Parse(text).UsesGlobal, Is.EqualTo(uses));

    [TestCase("a != 'x'", "", true)]
    [TestCase("a != 'x'", "y", true)]
    [TestCase("a != 'x'", "x", false)]
    [TestCase("a in {'x'}", "", false)]
    [TestCase("a not in {'x'}", "", true)]
    [TestCase("a not in {'x'}", "x", false)]
    [TestCase("global()", "", true)]
    [TestCase("a contains 'y'", "xyz", true)]
    [TestCase("a starts with 'y'", "xyz", false)]
    [TestCase("a ends with 'z'", "xyz", true)]
    public void Matches_by_what_it_says(string text, string a, bool matches)
    {
        var labels = ImmutableSortedDictionary<string, string>.Empty;
        Assert.That(Parse(text).Matches(a.Length == 0 ? labels : labels.Add("a", a)), Is.EqualTo(matches));
    }

    [TestCase("a != 'x'", Truth.False)]
    [TestCase("a != 'y'", Truth.True)]
    [TestCase("global()", Truth.True)]
    [TestCase("a not in {'x'}", Truth.False)]
    public void Decided_by_what_is_known(string text, Truth truth) =>
        Assert.That(Parse(text).Decide(new Dictionary<string, string> { ["a"] = "x" }), Is.EqualTo(truth));

    [Test]
    public void Made_without_a_text()
    {
        Assert.That(Selector.LabelEquals("a", "x").Canonical, Is.EqualTo("a == \"x\""));
        Assert.That(Selector.LabelIn("a", ["y", "x"]).Canonical, Is.EqualTo("a in {\"x\", \"y\"}"));
        Assert.That(Parse("has(a)").And(Parse("has(b) || has(c)")).Canonical, Is.EqualTo("(has(a) && (has(b) || has(c)))"));
        Assert.That(Parse("has(a) && all() && global() || b not in {'x'}").WithPrefix("p.").Canonical,
            Is.EqualTo("((has(p.a) && all() && global()) || p.b not in {\"x\"})"));
        Assert.That(Selector.All.Canonical, Is.EqualTo("all()"));
    }

    private static Selector Parse(string text) =>
        Selector.TryParse(text, out var selector, out var error) ? selector : throw new AssertionException($"{text}: {error}");
}

using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Formats;
using NUnit.Framework;

namespace Calico.UnitTests.Resources;

/// <summary>Names of other systems in a form that the store's readers take.</summary>
[TestFixture]
public sealed class StoredNamesTests
{
    [TestCase("web-1", "web-1")]
    [TestCase("a.b", "a.b")]
    [TestCase("Web_1", "x---57eb-5f1")]
    [TestCase("a_b", "x--a-5fb")]
    [TestCase("a..b", "x--a-2e-2eb")]
    [TestCase("x--a-5fb", "x--x-2d-2da-2d5fb")]
    public void A12_a_name_that_fits_stays_and_another_is_spelt_out(string text, string expected) =>
        Assert.That(StoredNames.Subdomain(text), Is.EqualTo(expected));

    [Test]
    public void A12_a_name_too_long_to_be_spelt_out_has_its_whole_digest() =>
        Assert.That(StoredNames.Subdomain(new string('A', 100)), Does.Match("^x--[0-9a-v]{52}$"));

    [Test]
    public void A12_no_two_texts_have_one_form_and_every_form_fits()
    {
        var random = new Random(TestContext.CurrentContext.Random.Next());
        var seen = new Dictionary<string, string>();
        const string Letters = "aAbB01-_.x";
        for (var i = 0; i < 50_000; i++)
        {
            // Short texts of few letters, so that near misses come; every fifth is the form of another, which is a text like any other.
            var text = i % 5 == 4 ? seen.Keys.ElementAt(random.Next(Math.Min(seen.Count, 50))).Split(' ')[1]
                : new string(random.GetItems<char>(Letters, random.Next(1, i % 100 == 0 ? 255 : 7)));
            foreach (var (kind, form, wrong) in new[]
            {
                ("name", StoredNames.Subdomain(text), NameFormats.Subdomain(StoredNames.Subdomain(text))),
                ("container", StoredNames.ContainerId(text), NameFormats.ContainerId(StoredNames.ContainerId(text))),
                ("label", StoredNames.LabelKey(text), NameFormats.QualifiedName(StoredNames.LabelKey(text))),
            })
            {
                Assert.That(wrong, Is.Null, $"{kind} {text} → {form}");
                Assert.That(seen.TryAdd($"{kind} {form}", text) || seen[$"{kind} {form}"] == text,
                    $"{text} and {seen[$"{kind} {form}"]} are both {form}");
            }
        }
    }
}

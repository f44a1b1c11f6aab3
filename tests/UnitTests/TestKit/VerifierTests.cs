using Calico.TestKit;
using NUnit.Framework;

namespace Calico.UnitTests.TestKit;

/// <summary>The writer itself: a snapshot that could not fail would hold nothing.</summary>
[TestFixture]
public sealed class VerifierTests
{
    private string _folder = "";

    private string Source => Path.Combine(_folder, "VerifierTests.cs");

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("calico-verify-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task A_text_that_nobody_has_kept_fails_and_is_written_as_received()
    {
        var error = await CatchAsync("one\ntwo");
        Assert.That(error, Does.Contain("line 1 is\n  one"));
        Assert.That(await File.ReadAllTextAsync(Path.Combine(_folder,
            $"VerifierTests.{nameof(A_text_that_nobody_has_kept_fails_and_is_written_as_received)}.received.txt")),
            Is.EqualTo("one\ntwo\n"));
    }

    [TestCase("a b")]
    public async Task The_first_line_that_differs_is_said_and_the_received_file_goes_when_it_is_right(string word)
    {
        var name = Path.Combine(_folder,
            $"VerifierTests.{nameof(The_first_line_that_differs_is_said_and_the_received_file_goes_when_it_is_right)}_word=a-b");
        await File.WriteAllTextAsync($"{name}.verified.txt", "one\ntwo\n");
        Assert.That(await CatchAsync($"one\n{word}"), Does.Contain("line 2 is\n  a b\nand was\n  two"));
        Assert.That(File.Exists($"{name}.received.txt"), Is.True);

        await Verifier.Verify("one\ntwo", Source);
        Assert.That(File.Exists($"{name}.received.txt"), Is.False);
    }

    private async Task<string> CatchAsync(string text)
    {
        try
        {
            await Verifier.Verify(text, Source);
        }
        catch (AssertionException e)
        {
            return e.Message;
        }

        return "";
    }
}

using Calico.TestKit.Hosts;
using NUnit.Framework;

namespace Calico.UnitTests.Architecture;

/// <summary>The page that shows what adding one takes quotes lines that stand where it says.</summary>
public sealed class AddOnePageTests
{
    [Test]
    public void Each_line_that_a_diff_of_the_page_keeps_or_takes_out_stands_in_its_file()
    {
        var stale = new List<string>();
        var (file, isDiff) = ("", false);
        HashSet<string> lines = [];
        foreach (var line in File.ReadLines(Path.Combine(Repository.Root, "docs", "add-one.md")))
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                isDiff = line == "```diff";
            }
            else if (isDiff && line.StartsWith("+++ ", StringComparison.Ordinal))
            {
                file = line[4..];
                var path = Path.Combine(Repository.Root, file);
                lines = File.Exists(path) ? [.. File.ReadLines(path)] : [];
            }
            else if (isDiff && line.Length > 1 && line[0] is ' ' or '-' && !lines.Contains(line[1..]))
            {
                stale.Add($"{file}: {line[1..]}");
            }
        }

        Assert.That(string.Join('\n', stale), Is.Empty);
        Assert.That(file, Is.Not.Empty, "the page has diffs");
    }
}

using System.Text.RegularExpressions;
using System.Xml.Linq;
using Calico.TestKit.Hosts;

namespace Calico.UnitTests.Architecture;

/// <summary>A source file, as it stands.</summary>
/// <param name="Path">From the repository's root, with <c>/</c>.</param>
/// <param name="Lines">Without their ends.</param>
internal sealed record SourceFile(string Path, string[] Lines)
{
    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    public bool IsTest => Path.StartsWith("tests/", StringComparison.Ordinal) || Path.Contains(".Tests/", StringComparison.Ordinal);

    /// <summary>The project's folder; those of tests each for themselves: <c>tests/UnitTests</c>.</summary>
    public string Project => string.Join('/', Path.Split('/').Take(Path.StartsWith("tests/", StringComparison.Ordinal) ? 2 : 1));

    public string? Namespace => Lines.FirstOrDefault(line => line.StartsWith("namespace ", StringComparison.Ordinal))?[10..].TrimEnd(';');
}

/// <summary>Every C# file that is written by hand: product, tests, benchmarks, samples and templates.</summary>
internal static partial class SourceTree
{
    private static readonly string[] NotOurs = ["artifacts", "obj", "bin"];
    private static readonly Lazy<SourceFile[]> Read =
        new(() => [.. Below(Repository.Root).OrderBy(file => file.Path, StringComparer.Ordinal)]);

    public static IReadOnlyList<SourceFile> Files => Read.Value;

    /// <summary>The types that a file declares, with the line of each; nested ones too.</summary>
    public static IEnumerable<(string Name, string Line)> Types(SourceFile file) =>
        file.Lines.Select(line => (Match: Declaration().Match(line), Line: line)).Where(t => t.Match.Success)
            .Select(t => (t.Match.Groups["name"].Value, t.Line));

    /// <summary>What a file's namespace is by its folder: the project's own, and a name for each folder below it.</summary>
    public static string NamespaceByFolder(SourceFile file)
    {
        for (var folder = file.Folder; folder.Length > 0; folder = Path.GetDirectoryName(folder)!)
        {
            if (Directory.GetFiles(Path.Combine(Repository.Root, folder), "*.csproj") is [var project])
            {
                var root = XDocument.Load(project).Descendants("RootNamespace").FirstOrDefault()?.Value;
                return ((root ?? Path.GetFileNameWithoutExtension(project)) + file.Folder[folder.Length..]).Replace('/', '.');
            }
        }

        throw new InvalidOperationException($"{file.Path} is of no project");
    }

    private static IEnumerable<SourceFile> Below(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder, "*.cs"))
        {
            yield return new(Path.GetRelativePath(Repository.Root, file), File.ReadAllLines(file));
        }

        foreach (var inner in Directory.EnumerateDirectories(folder))
        {
            if (Path.GetFileName(inner) is var name && (NotOurs.Contains(name) || name[0] == '.'))
            {
                continue;
            }

            foreach (var file in Below(inner))
            {
                yield return file;
            }
        }
    }

    [GeneratedRegex("^\\s*(?:(?:public|internal|private|protected|sealed|static|abstract|partial|readonly|ref|file|unsafe|new) )*"
        + "(?:class|record struct|record class|record|struct|interface|enum) (?<name>\\w+)")]
    private static partial Regex Declaration();
}

using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Calico.Host.Commands;

/// <summary>What stands at a path, against what this program laid there.</summary>
internal enum InstalledState
{
    Absent,

    /// <summary>As it was laid down.</summary>
    Ours,

    /// <summary>Laid down by us, another content since.</summary>
    Edited,

    /// <summary>Never laid down by us.</summary>
    Foreign,
}

/// <summary>One thing to lay down: a file's content, or the target of a symbolic link.</summary>
internal sealed record InstallItem(string Path, Func<byte[]> Content, UnixFileMode Mode, string? LinkTarget = null);

/// <summary>What this program has laid down on the machine, each path with a fingerprint of its content: what others made or edited is not
/// written over and not taken away without a word.</summary>
/// <remarks>The new fingerprint is recorded beside the old one before a file is written, so that a crash in between leaves no file that
/// looks edited. Folders that had to be made are recorded too and go when they are empty.</remarks>
internal sealed class InstallLedger
{
    private const string Folder = "folder";
    private const int MaxShown = 10;

    private readonly string _path;
    private readonly SortedDictionary<string, string[]> _entries;

    private InstallLedger(string path, SortedDictionary<string, string[]> entries) => (_path, _entries) = (path, entries);

    /// <summary>Paths that were laid down, but folders.</summary>
    public IReadOnlyList<string> Paths => [.. _entries.Where(e => !e.Value.Contains(Folder)).Select(e => e.Key)];

    /// <summary>Reads it; one that is not there is empty.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Damaged"/>.</exception>
    public static InstallLedger Open(string path)
    {
        try
        {
            var entries = File.Exists(path)
                ? JsonSerializer.Deserialize(File.ReadAllBytes(path), InstallLedgerJson.Default.SortedDictionaryStringStringArray) : [];
            return new(path, new(entries ?? [], StringComparer.Ordinal));
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CalicoException(Problem.Damaged,
                $"the list of installed files {path} cannot be read: {e.Message}; mend it, or remove it and use --force", null, e);
        }
    }

    public InstalledState StateOf(string path) => !Exists(path) ? InstalledState.Absent
        : !_entries.TryGetValue(path, out var known) ? InstalledState.Foreign
        : known.Contains(FingerprintOf(path)) ? InstalledState.Ours
        : InstalledState.Edited;

    /// <summary>Lays everything down in order, or nothing.</summary>
    /// <returns>A line for each thing that changed, or would.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/>: what others made or edited is in the way; all of it is named.
    /// </exception>
    public IReadOnlyList<string> Install(IReadOnlyList<InstallItem> items, bool force, bool dryRun)
    {
        var refused = force ? [] : items.Where(i => StateOf(i.Path) is InstalledState.Foreign or InstalledState.Edited
            && FingerprintOf(i.Path) != FingerprintOf(i))
            .Select(i => $"{i.Path} {(StateOf(i.Path) == InstalledState.Edited ? "was edited since it was installed" : "was not made by calico-host")}").ToList();
        if (refused.Count > 0)
        {
            throw new CalicoException(Problem.AlreadyExists,
                $"{string.Join("; ", refused.Take(MaxShown))}{(refused.Count > MaxShown ? $"; and {refused.Count - MaxShown} more" : "")}. "
                + "Nothing was changed. --force replaces what is there");
        }

        var said = new List<string>();
        foreach (var item in items)
        {
            said.Add($"{(dryRun ? "would install" : "installed")} {item.Path}");
            if (!dryRun)
            {
                Write(item);
            }
        }

        return said;
    }

    /// <summary>Takes away what was laid down, goes on over what cannot be, and says what was left.</summary>
    public IReadOnlyList<string> Remove(IReadOnlyList<string> paths, bool force, bool dryRun)
    {
        var said = new List<string>();
        foreach (var path in paths.Where(_entries.ContainsKey))
        {
            var state = StateOf(path);
            if (state == InstalledState.Edited && !force)
            {
                said.Add($"left {path}: it was edited since it was installed; --force removes it");
                continue;
            }

            if (state != InstalledState.Absent)
            {
                said.Add($"{(dryRun ? "would remove" : "removed")} {path}");
            }

            if (!dryRun)
            {
                File.Delete(path);
                _entries.Remove(path);
            }
        }

        if (!dryRun)
        {
            RemoveEmptyFolders();
            Save();
        }

        return said;
    }

    private void RemoveEmptyFolders()
    {
        // The deepest first.
        foreach (var folder in _entries.Where(e => e.Value.Contains(Folder)).Select(e => e.Key).OrderByDescending(p => p.Length).ToList())
        {
            if (Directory.Exists(folder) && (Directory.EnumerateFileSystemEntries(folder).Any() || !TryDelete(folder)))
            {
                continue;
            }

            _entries.Remove(folder);
        }
    }

    private static bool TryDelete(string folder)
    {
        try
        {
            Directory.Delete(folder);
            return true;
        }
        catch (IOException)
        {
            // A mount point by now: it stays recorded, and empty.
            return false;
        }
    }

    private void Write(InstallItem item)
    {
        MakeFolders(Path.GetDirectoryName(item.Path)!);
        _entries[item.Path] = [.. (_entries.GetValueOrDefault(item.Path) ?? []).Append(FingerprintOf(item)).Distinct()];
        Save();
        if (item.LinkTarget is { } target)
        {
            var temporary = $"{item.Path}.{Environment.ProcessId}";
            File.CreateSymbolicLink(temporary, target);
            File.Move(temporary, item.Path, overwrite: true);
        }
        else
        {
            AtomicFile.Write(item.Path, item.Content(), item.Mode);
        }

        _entries[item.Path] = [FingerprintOf(item)];
        Save();
    }

    private void MakeFolders(string folder)
    {
        if (Directory.Exists(folder))
        {
            return;
        }

        MakeFolders(Path.GetDirectoryName(folder)!);
        Directory.CreateDirectory(folder, AtomicFile.Folder);
        _entries[folder] = [Folder];
    }

    private void Save()
    {
        if (_entries.Count == 0)
        {
            File.Delete(_path);
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(_path)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        AtomicFile.Write(_path, JsonSerializer.SerializeToUtf8Bytes(_entries, InstallLedgerJson.Default.SortedDictionaryStringStringArray),
            AtomicFile.Readable);
    }

    // A link that leads nowhere is there too.
    private static bool Exists(string path) => File.Exists(path) || Directory.Exists(path) || new FileInfo(path).LinkTarget is not null;

    private static string FingerprintOf(InstallItem item) =>
        item.LinkTarget is { } target ? $"link {target}" : Convert.ToHexStringLower(SHA256.HashData(item.Content()));

    private static string FingerprintOf(string path) => new FileInfo(path).LinkTarget is { } target ? $"link {target}"
        : File.Exists(path) ? Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))) : Folder;
}

[JsonSerializable(typeof(SortedDictionary<string, string[]>))]
[JsonSourceGenerationOptions(WriteIndented = true)]
internal sealed partial class InstallLedgerJson : JsonSerializerContext;

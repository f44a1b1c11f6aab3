using Calico.Shim.Wire;

namespace Calico.Shim;

/// <summary>Keeps a DEL for a host that is away. A DEL that fails leaves a pod that can never be deleted, so it is promised instead: on
/// disk, synced, before the exit code says so.</summary>
internal static class Spool
{
    public const string DefaultFolder = "/var/lib/calico/spool";

    /// <summary>Stores the request frame.</summary>
    /// <returns>Null, or what went wrong.</returns>
    public static string? Store(string folder, string name, ReadOnlySpan<byte> frame)
    {
        if (!MakeFolders(folder))
        {
            return $"cannot make {folder} (errno {Libc.LastError})";
        }

        var path = $"{folder}/{name}";
        var temporary = $"{path}.{Libc.GetProcessId()}{SpoolName.TemporarySuffix}";
        var file = Libc.Open(temporary, Libc.O_WRONLY | Libc.O_CREAT | Libc.O_TRUNC | Libc.O_CLOEXEC, 0x180); // 0600
        if (file < 0)
        {
            return $"cannot make {temporary} (errno {Libc.LastError})";
        }

        var error = Libc.WriteAll(file, frame);
        if (error == 0 && Libc.Sync(file) != 0)
        {
            error = Libc.LastError;
        }

        Libc.Close(file);
        if (error == 0 && Libc.Rename(temporary, path) != 0)
        {
            error = Libc.LastError;
        }

        if (error != 0)
        {
            Libc.Unlink(temporary);
            return $"cannot write {path} (errno {error})";
        }

        // The name is durable only when the folder is.
        var directory = Libc.Open(folder, Libc.O_RDONLY | Libc.O_DIRECTORY | Libc.O_CLOEXEC, 0);
        if (directory < 0)
        {
            return $"cannot open {folder} (errno {Libc.LastError})";
        }

        error = Libc.Sync(directory) == 0 ? 0 : Libc.LastError;
        Libc.Close(directory);
        return error == 0 ? null : $"cannot sync {folder} (errno {error})";
    }

    private static bool MakeFolders(string folder)
    {
        if (Libc.MakeDirectory(folder, 0x1C0) == 0 || Libc.LastError == Libc.EEXIST) // 0700
        {
            return true;
        }

        if (Libc.LastError != Libc.ENOENT)
        {
            return false;
        }

        var parent = folder.LastIndexOf('/');
        return parent > 0 && MakeParents(folder[..parent]) && (Libc.MakeDirectory(folder, 0x1C0) == 0 || Libc.LastError == Libc.EEXIST);
    }

    private static bool MakeParents(string folder)
    {
        if (Libc.MakeDirectory(folder, 0x1ED) == 0 || Libc.LastError == Libc.EEXIST) // 0755
        {
            return true;
        }

        var parent = folder.LastIndexOf('/');
        return Libc.LastError == Libc.ENOENT && parent > 0 && MakeParents(folder[..parent])
            && (Libc.MakeDirectory(folder, 0x1ED) == 0 || Libc.LastError == Libc.EEXIST);
    }
}

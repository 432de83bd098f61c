"""What a folder of weights must be before anything loads it, and how it is named."""

import json
from pathlib import Path

import pytest

from probes.backends.opening import check_file
from probes.catalogue import ModelEntry, find
from probes.weights_folder import check_folder, folder_sha256, quantisation
from prompts.errors import ModelError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks whole, with weights in two files."""
    folder = tmp_path / "My model (v2)"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "dtype": "bfloat16"}))
    names = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for name in names:
        (folder / name).write_bytes(name.encode())
    index = {"weight_map": {"a": names[0], "b": names[1]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def test_folder_is_a_model_by_its_path(folder: Path) -> None:
    """A folder with config.json and safetensors is asked through transformers."""
    entry = find(str(folder))
    assert (entry.backend, entry.path) == ("transformers", str(folder))
    assert (entry.id, entry.quantisation) == ("My-model--v2-", "BF16")
    assert entry.sha256 == folder_sha256(folder)
    check_file(entry)


def test_prefix_asks_a_gguf_file_through_transformers(tmp_path: Path) -> None:
    """The same entry with the other backend; what has no weights here cannot have it."""
    plain = find("smollm2-135m-instruct")
    other = find("transformers:smollm2-135m-instruct")
    assert other == plain.model_copy(update={"backend": "transformers"})
    with pytest.raises(ModelError, match="no model"):
        find(f"transformers:{tmp_path}")


def test_server_has_no_weights_for_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that is a server is refused with a sentence."""
    monkeypatch.chdir(tmp_path)
    Path("models.toml").write_text(
        '[[model]]\nid = "server"\nbackend = "openai"\nurl = "http://127.0.0.1:1/v1"\n'
    )
    with pytest.raises(ModelError, match="has no weights on this machine"):
        find("transformers:server")


def test_hash_is_of_all_that_decides_answers(folder: Path) -> None:
    """Weights, configuration and template count, whatever the folder's name; a read-me does not."""
    before = folder_sha256(folder)
    (folder / "README.md").write_text("Hello.")
    assert folder_sha256(folder) == before
    moved = folder.rename(folder.with_name("moved"))
    assert folder_sha256(moved) == before
    (moved / "chat_template.jinja").write_text("{{ messages }}")
    after = folder_sha256(moved)
    assert after != before
    (moved / "model-00002-of-00002.safetensors").write_bytes(b"other weights")
    assert folder_sha256(moved) not in {before, after}


def test_changed_folder_is_not_the_one_that_was_named(folder: Path) -> None:
    """The catalogue's SHA-256 of a folder is checked like that of a file."""
    entry = find(str(folder))
    (folder / "config.json").write_text('{"model_type": "gemma"}')
    with pytest.raises(ModelError, match="another SHA-256"):
        check_file(entry)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.ckpt"])
def test_pickled_weights_are_refused(folder: Path, name: str) -> None:
    """A folder with nothing but pickled weights is refused by name, with what to do."""
    for path in folder.glob("*.safetensors*"):
        path.unlink()
    (folder / name).write_bytes(b"cos\nsystem\n")
    with pytest.raises(ModelError, match=name) as caught:
        find(str(folder))
    assert "save the model as safetensors" in caught.value.remedy


@pytest.mark.parametrize(
    "target",
    ["pytorch_model.bin", "../elsewhere.safetensors", "/x.safetensors", "no.safetensors"],
)
def test_index_may_only_name_files_of_the_folder(folder: Path, target: str) -> None:
    """An index that points to a pickle, outside, or to nothing is refused."""
    (folder / "pytorch_model.bin").write_bytes(b"")
    (folder.parent / "elsewhere.safetensors").write_bytes(b"")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": target}}))
    with pytest.raises(ModelError, match="no safetensors file beside it"):
        check_folder(folder)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "[" * 100_000, "\xff", " " * (4 * 2**20 + 1)], ids=range(6)
)
def test_malformed_config_is_an_error(folder: Path, text: str) -> None:
    """What is no JSON object of ordinary size is an error that names the file."""
    (folder / "config.json").write_text(text, "latin-1")
    with pytest.raises(ModelError, match=r"config\.json cannot be used"):
        check_folder(folder)


def test_adapter_is_refused(folder: Path) -> None:
    """An adapter is half a model, and its other half would come from elsewhere."""
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="adapter"):
        check_folder(folder)


def test_folder_without_config_is_an_error(folder: Path) -> None:
    """A folder that is no model is unknown by path, and an error in a catalogue."""
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"nor a folder with config\.json"):
        find(str(folder))
    entry = ModelEntry(id="x", backend="transformers", path=str(folder))
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        check_file(entry)


def test_hub_id_that_is_not_here_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub id is looked up on this machine only, and the error says how to fetch it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    entry = ModelEntry(id="x", backend="transformers", path="doxa-tests/no-such-model")
    with pytest.raises(ModelError, match="on this machine") as caught:
        check_file(entry)
    assert "hf download doxa-tests/no-such-model" in caught.value.remedy


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"torch_dtype": "float16"}, "F16"),
        ({"dtype": "float8_e4m3fn"}, "float8_e4m3fn"),
        ({"dtype": "bfloat16", "quantization_config": {"quant_method": "gptq"}}, "gptq"),
        ({}, "unknown"),
        ({"dtype": "\x1b[31m"}, "unknown"),
        ({"dtype": 3, "quantization_config": []}, "unknown"),
    ],
)
def test_quantisation_is_read_from_the_configuration(config: dict[str, object], name: str) -> None:
    """In the words of GGUF files where there are some, and only what can be shown."""
    assert quantisation(config) == name

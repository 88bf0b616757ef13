"""Names of files that look like patients, and names that do not: dates of scans, serials, public data sets."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from napari_wbc.exchange.patient_names import patient_like, patient_name_warning


@pytest.mark.parametrize(
    "name",
    [
        "Doe_John",
        "john.doe",
        "Schmidt_Anna_2024-05-06",
        "AnnaSchmidt-smear2",
        "müller jürgen 3",
        "GARCÍA_JOSÉ_WBC",
        "smear_Fatima_Yilmaz",
        "DOE^JANE",
        "Nakamura, Yuki",
        "Okonkwo, Ngozi",
    ],
)
def test_names_of_people(name):
    assert patient_like(name) == "a name"


@pytest.mark.parametrize(
    "name",
    [
        "Nowak_1956-02-11",
        "11.02.1956 Nowak",
        "nowak19560211",
        "smear_dob_2011-03-04",
        "geb 04.03.2011 Abstrich",
    ],
)
def test_dates_of_birth(name):
    assert patient_like(name) == "a date of birth"


# Examples that authorities and text books publish; none belongs to a living person.
@pytest.mark.parametrize(
    "name",
    [
        "078-05-1120",  # USA
        "smear 943 476 5919",  # NHS
        "811218-9876",  # Sweden
        "131052-308T",  # Finland
        "RSSMRA85T10A562S",  # Italy
        "529.982.247-25",  # Brazil
        "11010519491231002X",  # China
        "MRN1234567",
        "patient_0045123",
        "PID-00123456_slide2",
        "Fallnr 2024001234",
    ],
)
def test_numbers_of_people(name):
    assert patient_like(name) == "a number of a person"


@pytest.mark.parametrize(
    "name",
    [
        # Slides of scanners and public collections.
        "CMU-1-Small-Region",
        "JP2K-33003-1",
        "Hamamatsu-OS2",
        "Leica-Fluorescence-1",
        "Mirax2-Fluorescence-2",
        "TCGA-AA-3489-01Z-00-DX1.6b4d1c0e-1f33-4a5b-9d0a-6a4a4cf6d3f1",
        "BloodImage_00410",
        "BNE_495078",
        "95-7-17-1-120_2",
        "20200810-153724-M-0042",
        "IMG_20210419_101530",
        "Screenshot 2024-01-31 at 10.15.30",
        "DSC01234",
        # Dates of scans, serial and running numbers.
        "smear_2023-05-04_SN123456",
        "2019.12.31",
        "31.12.2019_field_03",
        "SS12345-2023-11-20-slide-7",
        "GT450_SN70012_000123",
        "230415-1342",
        "210415-0087",
        "H21-12345_A1",
        "123-456-7890",
        "19991231",
        "1234567890",
        "patient_03",
        "pat12",
        # Words of the field, and people whose names became words of it.
        "May_Gruenwald_Giemsa_01",
        "may-grünwald",
        "Wright_Giemsa_Control",
        "Leishman stain, thin",
        "Rose_Bengal",
        "left_shift_left",
        "Lymphocyte_Typical",
        "NeutrophilBand_12",
        "neonatal_cord_blood_3",
        "donor_A_anna",
        "anna_smear_2",
        "smear",
        "0.1um",
    ],
)
def test_ordinary_names_raise_no_alarm(name):
    assert patient_like(name) == ""


def test_a_check_digit_that_is_wrong_raises_no_alarm():
    for name in ("943 476 5918", "811218-9875", "131052-308U", "529.982.247-24", "110105194912310021"):
        assert patient_like(name) == "", name


def test_no_file_of_the_development_images_raises_an_alarm(data_dir):
    tables = [pd.read_csv(data_dir / name, usecols=["path"]) for name in ("cells.csv", "fields.csv")]
    stems = {Path(path).stem for path in pd.concat(tables)["path"]}
    assert len(stems) > 20_000
    assert [stem for stem in stems if patient_like(stem)] == []


def test_one_line_about_all_images():
    assert patient_name_warning([]) == patient_name_warning(["/home/john/doe/smear.png"]) == ""
    # The ending of OME files is no part of the name, and the folder reaches no result.
    one = patient_name_warning([Path("in") / "Doe_John.ome.tiff", "smear.png"])
    assert one.startswith("'Doe_John.ome.tiff' looks like a name")
    two = patient_name_warning(["Doe_John.png", "a.png", "MRN1234567.png"])
    assert two.startswith("2 images are called like patients, such as 'Doe_John.png' (a name)")
    assert "\n" not in one + two
